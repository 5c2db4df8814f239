"""Rows into a table by way of a stage: a Parquet file under a path that is never used again, and a COPY that
names it and is counted.

Snowflake skips a file that it loaded before and says so in the result alone, not by an error.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sync.errors import TransientError
from sync.warehouses.snowflake.types import Document

LOADED = "LOADED"
OURS = re.compile(r"\w+/[0-9a-f]{32}\.parquet")


def load(cursor: Any, stage: str, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Load rows into a table, both names as SQL has them, columns quoted. The path carries the table's name,
    and with it the lease's token.

    Raises `TransientError` where the COPY did not take all rows of the file; the caller rolls back.
    """
    folder, file = re.sub(r"\W+", "_", table).strip("_"), f"{uuid.uuid4().hex}.parquet"
    values = [[row[number] for row in rows] for number in range(len(columns))]
    with TemporaryDirectory() as here:
        path = Path(here) / file
        write(path, values)
        cursor.execute(f"PUT 'file://{path}' @{stage}/{folder} AUTO_COMPRESS = FALSE OVERWRITE = FALSE")
    cursor.execute(copy_statement(stage, folder, [file], table, columns, [kind_of(each) for each in values]))
    check(cursor.fetchall(), table, {file: len(rows)})


def write(path: Path, values: Sequence[Sequence[Any]]) -> None:
    """A Parquet file of texts, its columns named c0, c1, …"""
    import pyarrow as pa  # noqa: PLC0415  (half a second, needed by passes with rows alone)
    import pyarrow.parquet as pq  # noqa: PLC0415

    arrays = [pa.array([as_text(value) for value in column], pa.string()) for column in values]
    pq.write_table(pa.table(arrays, names=[f"c{number}" for number in range(len(arrays))]), path)


def as_text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, Decimal):
        return f"{value:f}"
    return value.hex() if isinstance(value, bytes) else str(value)


def kind_of(column: Sequence[Any]) -> type:
    """The class of a column's values; text where all are NULL."""
    return next((type(value) for value in column if value is not None), str)


def copy_statement(
    stage: str,
    folder: str,
    files: Sequence[str],
    table: str,
    columns: Sequence[str],
    kinds: Sequence[type],
) -> str:
    """A COPY of named files, which takes all of their rows or none, with every cast spelled out."""
    listed = ", ".join(cast(f"$1:c{number}::VARCHAR", kind) for number, kind in enumerate(kinds))
    named = ", ".join(f"'{file}'" for file in files)
    return (
        f"COPY INTO {table} ({', '.join(columns)}) FROM (SELECT {listed} FROM @{stage}/{folder}/)"
        f" FILES = ({named}) FILE_FORMAT = (TYPE = PARQUET) ON_ERROR = ABORT_STATEMENT PURGE = TRUE"
    )


def cast(text: str, kind: type) -> str:
    """A staged text as a value. Numbers take the column's own precision and scale."""
    if kind is Document:
        return f"PARSE_JSON({text})"
    if kind is bytes:
        return f"TO_BINARY({text}, 'HEX')"
    types = {datetime: "TIMESTAMP_NTZ(6)", date: "DATE", float: "FLOAT", bool: "BOOLEAN"}
    return f"{text}::{types[kind]}" if kind in types else text


def check(result: Sequence[Sequence[Any]], table: str, expected: dict[str, int]) -> None:
    """Hold what a COPY says of its files against what they have. Its columns: file, status, rows parsed, rows
    loaded."""
    found = {str(row[0]).rpartition("/")[2]: (row[1], row[3]) for row in result if len(row) > 3}
    for file, rows in expected.items():
        status, loaded = found.get(file, ("not loaded", 0))
        if status != LOADED or int(loaded) != rows:
            raise TransientError(
                f"production: COPY INTO {table} took {loaded} of the {rows} rows of {file} ({status});"
                f" nothing of it was kept"
            )


def clean(cursor: Any, stage: str, before: datetime) -> int:
    """Take files away that passes left between PUT and COPY before a moment; returns how many. Nothing else
    in the stage is touched."""
    cursor.execute(f"LIST @{stage}")
    old = [
        path
        for name, _, _, modified, *_ in cursor.fetchall()
        if OURS.fullmatch(path := str(name).partition("/")[2]) and parsedate_to_datetime(modified) < before
    ]
    for path in old:
        cursor.execute(f"REMOVE @{stage}/{path}")
    return len(old)
