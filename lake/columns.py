"""PostgreSQL's types in the lake: the Arrow type of each, and how a value travels there as CSV.

Delta's types are fewer (protocol 1 and 2): a time without a zone is kept as if it were UTC, an infinite time
as the first or last moment of the years 1 to 9999, and what has no exact counterpart as PostgreSQL's text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sync.connections.psycopg import Cursor, sql
from sync.errors import SyncError
from sync.types import parse_type

if TYPE_CHECKING:
    import pyarrow as pa

MAX_DECIMAL_DIGITS = 38
# `greatest` passes over NULL, which has to stay one.
_MICROSECONDS = (
    "CASE WHEN {0} IS NOT NULL THEN (extract(epoch FROM least(greatest({0}, '0001-01-01 00:00:00+00'),"
    " '9999-12-31 23:59:59.999999+00')) * 1000000)::bigint END"
)
_CLOCKS = {
    "timestamptz": _MICROSECONDS,
    "timestamp": _MICROSECONDS.replace("{0}", "({0} AT TIME ZONE 'UTC')"),
    "date": "CASE WHEN {0} IS NOT NULL THEN"
    " least(greatest({0}, '0001-01-01'), '9999-12-31') - date '1970-01-01' END",
}
_PLAIN = {
    "smallint": "int16",
    "integer": "int32",
    "bigint": "int64",
    "real": "float32",
    "double precision": "float64",
    "boolean": "bool",
}


@dataclass(frozen=True)
class LakeColumn:
    """A column of staging, with its type there."""

    name: str
    type: str

    @property
    def _base(self) -> str:
        try:
            return parse_type(self.type).base
        except SyncError:  # a type of the user's own
            return "text"

    @property
    def arrow(self) -> pa.DataType:
        import pyarrow as pa  # noqa: PLC0415

        base = self._base
        if base in _PLAIN:
            return pa.type_for_alias(_PLAIN[base])
        if base in _CLOCKS:
            return pa.date32() if base == "date" else pa.timestamp("us", tz="UTC")
        if base == "numeric" and (digits := self._digits):
            return pa.decimal128(*digits)
        return pa.string()

    @property
    def _digits(self) -> tuple[int, int] | None:
        """Precision and scale where the lake can hold them."""
        parsed = parse_type(self.type)
        scale = parsed.scale or 0
        if parsed.length is None or parsed.length > MAX_DECIMAL_DIGITS or not 0 <= scale <= parsed.length:
            return None
        return parsed.length, scale

    @property
    def query(self) -> sql.Composable:
        """The value as CSV carries it: times as microseconds since 1970, so that nothing is parsed twice."""
        base, name = self._base, sql.Identifier(self.name)
        if base in _CLOCKS:
            return sql.SQL(_CLOCKS[base]).format(name)
        if base == "boolean":
            return sql.SQL("CASE {} WHEN true THEN 'true' WHEN false THEN 'false' END").format(name)
        if base in _PLAIN or (base == "numeric" and self._digits):
            return name
        return sql.SQL("{}::text").format(name)


def columns_of(cursor: Cursor, schema: str, table: str) -> list[LakeColumn]:
    """The columns of a table in staging. Raises `SyncError` where there is no such table."""
    cursor.execute(
        "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute"
        " WHERE attrelid = to_regclass(format('%%I.%%I', %s::text, %s::text)) AND attnum > 0"
        " AND NOT attisdropped ORDER BY attnum",
        (schema, table),
    )
    found = [LakeColumn(name, kind) for name, kind in cursor]
    if not found:
        raise SyncError(f"staging has no table {schema}.{table}: materialize {schema}/{table}")
    return found


def wire_schema(columns: Sequence[LakeColumn]) -> pa.Schema:
    """What the CSV is read as: times and dates are numbers there."""
    import pyarrow as pa  # noqa: PLC0415

    def wire(kind: pa.DataType) -> pa.DataType:
        if pa.types.is_timestamp(kind):
            return pa.int64()
        return pa.int32() if pa.types.is_date(kind) else kind

    return pa.schema([(column.name, wire(column.arrow)) for column in columns])


def lake_schema(columns: Sequence[LakeColumn]) -> pa.Schema:
    """What the lake's table has."""
    import pyarrow as pa  # noqa: PLC0415

    return pa.schema([(column.name, column.arrow) for column in columns])
