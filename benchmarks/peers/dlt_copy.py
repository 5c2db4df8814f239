"""dlt's part, run by the interpreter of dlt's own environment: `dlt_copy.py TABLE KEY [CURSOR]`.

A table is replaced, or merged above its cursor. Connectorx reads into Arrow, dlt keeps it as Parquet and
loads it by ADBC, no Python object a value: its other backends and formats took two to four times as long.
"""

from __future__ import annotations

import os
import sys

import dlt
from dlt.sources.sql_database import sql_table


def main(name: str, key: str, cursor: str = "") -> None:
    url = os.environ["SOURCE_URL"]
    table = sql_table(
        credentials=url.replace("mysql://", "mysql+pymysql://"),
        table=name,
        backend="connectorx",
        backend_kwargs={"conn": url},
        reflection_level="full_with_precision",
        incremental=dlt.sources.incremental(cursor) if cursor else None,
        primary_key=key,
        write_disposition={"disposition": "merge", "strategy": "upsert"} if cursor else "replace",
    )
    pipeline = dlt.pipeline(
        name,
        pipelines_dir=os.environ["DLT_STATE"],
        destination=dlt.destinations.postgres(os.environ["TARGET_URL"]),
        dataset_name="bench",
    )
    pipeline.run(table, loader_file_format="parquet")


if __name__ == "__main__":
    main(*sys.argv[1:])
