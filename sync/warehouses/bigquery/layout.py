"""How a table lies in BigQuery: by which part of a time its rows are parted, and by what they are clustered.

`sql/bigquery/layout.json` has the tables of the platform; `SOFTCART_BIGQUERY_LAYOUT` names another file:
`{"star.fact_sales": {"partition": "sold_at", "by": "MONTH", "cluster": ["country_key"]}}`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sync.errors import SyncError
from sync.types import parse_type
from sync.warehouses.layouts import check_columns, read_layouts
from sync.warehouses.schema import TableSchema

VARIABLE = "SOFTCART_BIGQUERY_LAYOUT"
DECLARED = Path(__file__).parents[3] / "sql" / "bigquery" / "layout.json"
GRAINS = ("DAY", "MONTH", "YEAR")
MOST_CLUSTERED = 4
TRUNCATED = {"date": "DATE", "timestamp": "DATETIME", "timestamptz": "TIMESTAMP"}


@dataclass(frozen=True)
class Layout:
    """One table's: the column of its partitions and their grain, the columns that rows are clustered by."""

    partition: str | None = None
    by: str = "MONTH"
    cluster: Sequence[str] = ()

    def __post_init__(self) -> None:
        if self.by not in GRAINS or len(self.cluster) > MOST_CLUSTERED:
            raise ValueError(
                f"by is one of {', '.join(GRAINS)}, and {MOST_CLUSTERED} columns cluster at most"
            )

    def attributes(self, schema: TableSchema, quote: Callable[[str], str]) -> str:
        """What follows the list of columns. Raises `SyncError` for a column that is not there, or is no
        time."""
        check_columns([*([self.partition] if self.partition else []), *self.cluster], schema)
        found = ""
        for column in schema.columns:
            if column.name == self.partition:
                base = parse_type(column.type).base
                if base not in TRUNCATED:
                    raise SyncError(
                        f"the layout of {schema.name}: {column.name} is {column.type} and no time"
                    )
                found = f" PARTITION BY {TRUNCATED[base]}_TRUNC({quote(column.name)}, {self.by})"
        return found + (f" CLUSTER BY {', '.join(map(quote, self.cluster))}" if self.cluster else "")


def load_layouts() -> dict[str, Layout]:
    """By the tables' names. Raises `SyncError` for a file that does not say what it should."""
    return read_layouts(Layout, Path(os.environ.get(VARIABLE) or DECLARED), VARIABLE)
