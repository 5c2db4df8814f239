"""The rows of Parquet files, batch by batch; a row's line is its number in the file."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time
from typing import Any, BinaryIO

from sync.sources.files.layout import Layout
from sync.sources.files.text import Row, Unfit

BATCH_ROWS = 5_000


def parquet_rows(file: BinaryIO, name: str, layout: Layout, columns: Sequence[str]) -> Iterator[Row]:
    """The rows, with the values of `columns` as PostgreSQL writes them.

    Raises `Unfit` for a file that is no Parquet, or lacks a column that is not optional.
    """
    import pyarrow as pa  # noqa: PLC0415  (a pass loads the libraries that it uses)
    from pyarrow import parquet  # noqa: PLC0415

    try:
        opened = parquet.ParquetFile(file)
    except (pa.ArrowInvalid, OSError) as error:
        raise Unfit(f"it is no Parquet: {error}") from error
    there = {each.lower(): each for each in opened.schema_arrow.names}
    if missing := [each for each in columns if each.lower() not in there and each not in layout.optional]:
        raise Unfit(f"column {missing[0]} is expected, and it has {', '.join(there.values())}")
    wanted = [there.get(each.lower()) for each in columns]
    number = 0
    for batch in opened.iter_batches(BATCH_ROWS, columns=sorted({each for each in wanted if each})):
        lists = [batch.column(each).to_pylist() if each else [None] * batch.num_rows for each in wanted]
        for values in zip(*lists, strict=True):
            number += 1
            yield Row(number, [None if value is None else _text(value) for value in values])


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return f"\\x{value.hex()}"
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, dict | list):
        return json.dumps(value, default=_text, ensure_ascii=False)
    return str(value)
