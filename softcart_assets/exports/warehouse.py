"""A view of production as a CSV file: the same bytes whichever warehouse it is, those of PostgreSQL's
COPY."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from sync.warehouses.contract import Reader
from sync.warehouses.schema import TableName

QUOTED = frozenset(',"\r\n')


def view_as_csv(
    reader: Reader, view: TableName, columns: Sequence[str], group_columns: Sequence[str], unknown: str
) -> tuple[bytes, int]:
    """The file with its header, and the number of its rows. They are sorted by their group columns, text by
    byte order and NULL last, which is written as `unknown`."""
    rows = view_rows(reader, view, group_columns)
    lines = [",".join(map(_field, columns))]
    for row in rows:
        cells = (
            unknown if row[name] is None and name in group_columns else _text(row[name]) for name in columns
        )
        lines.append(",".join("" if cell is None else _field(cell) for cell in cells))
    return "".join(f"{line}\n" for line in lines).encode(), len(rows)


def view_rows(reader: Reader, view: TableName, group_columns: Sequence[str]) -> list[dict[str, object]]:
    """What a view shows, by the columns' names in lower case and in the order of a file."""
    names, found = reader.rows_of(view)
    rows = [dict(zip(map(str.lower, names), row, strict=True)) for row in found]
    return sorted(rows, key=lambda row: [_order(row[name]) for name in group_columns])


def _order(value: object) -> tuple[bool, object]:
    return value is None, value.encode() if isinstance(value, str) else value


def _text(value: object) -> str | None:
    if value is None:
        return None
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def _field(text: str) -> str:
    """An empty text is quoted, for nothing at all stands for NULL."""
    return '"' + text.replace('"', '""') + '"' if not text or QUOTED & set(text) else text
