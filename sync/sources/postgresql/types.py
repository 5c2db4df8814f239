"""The mapping of PostgreSQL's types as a source: what a column becomes, and the SQL for it.

Both sides speak COPY text, so most types travel as they are. Names of types go by `sync.types`.
"""

from __future__ import annotations

from dataclasses import dataclass

from sync.connections.psycopg import sql
from sync.errors import SyncError
from sync.sources.postgresql.catalog import SourceColumn
from sync.sources.postgresql.encoding import Encoding
from sync.types import PgType, parse_type

INTEGERS = {"smallint", "integer", "bigint"}
CHARACTERS = {"character varying", "character"}
TEMPORAL = {"time", "timetz", "timestamp", "timestamptz", "interval"}
RANGES = {
    f"{name}{kind}"
    for name in ("int4", "int8", "num", "ts", "tstz", "date")
    for kind in ("range", "multirange")
}
OTHER = "any other"
# What a column becomes where nothing is declared; None: the type that it has, with its modifiers.
NATURAL: dict[str, str | None] = {
    **dict.fromkeys(INTEGERS | CHARACTERS | TEMPORAL | RANGES),
    **dict.fromkeys(["numeric", "real", "double precision", "boolean", "text", "bytea", "date", "uuid"]),
    **dict.fromkeys(["json", "jsonb", "jsonpath", "bit", "bit varying", "tsvector", "tsquery", "pg_lsn"]),
    **dict.fromkeys(["inet", "cidr", "macaddr", "macaddr8"]),
    **dict.fromkeys(["point", "line", "lseg", "box", "path", "polygon", "circle"]),
    "money": "numeric",  # whose text depends on the locale
    "oid": "bigint",
    "xid": "bigint",
    "xid8": "numeric(20,0)",
    "xml": "text",  # which a server may be built without
    # Composites, "char", name, and the types of extensions.
    OTHER: "text",
}
# Declared types that hold every value, or refuse it in COPY, or are guarded by `_guard`: beside the type
# itself, its natural one and text, which hold everything.
ACCEPTS: dict[str, set[str]] = {
    **dict.fromkeys(INTEGERS, INTEGERS | {"numeric"}),
    "real": {"double precision"},
    **dict.fromkeys(CHARACTERS | {"text", OTHER}, CHARACTERS | {"uuid", "json", "jsonb"}),
    "date": {"timestamp"},
    "timestamptz": {"timestamp"},
    "json": {"jsonb"},
    "jsonb": {"json"},
    "cidr": {"inet"},
    "xml": {"xml"},
}
LONGEST_FRACTION = 6  # digits of a second


@dataclass(frozen=True)
class Expression:
    """How to read one column: `value` in the SELECT list; `fits`, a condition that is false for a value that
    COPY would bend, None where there is none."""

    value: sql.Composable
    fits: sql.Composable | None


def natural_type(column: SourceColumn) -> str:
    """The type that holds every value of a column exactly: an array's is an array, unless it nests."""
    kind, element = kind_of(column)
    if column.dimensions > 1:
        return "text"
    natural = NATURAL[kind] or ("interval" if kind == "interval" else str(column.builtin))
    # An extension's type may part an array's elements by another sign than a comma.
    return f"{natural}[]" if column.dimensions and element is not None else natural


def kind_of(column: SourceColumn) -> tuple[str, PgType | None]:
    """A column's row in `NATURAL`, and its type, or its elements', where PostgreSQL itself has it."""
    if column.builtin is None or column.builtin.startswith('"'):
        return OTHER, None
    found = parse_type(column.builtin)
    kind = "interval" if found.base.startswith("interval") else found.base
    return (kind if kind in NATURAL else OTHER), found


def expression(column: SourceColumn, declared: str, masked: Encoding | None) -> Expression:
    """How to read `column` into a column of the type `declared`; `masked` is the database's encoding where
    the column is to be hashed.

    Raises `SyncError` when not every value of the source's type has an exact form in that type.
    """
    kind, found = kind_of(column)
    target, natural = parse_type(declared), parse_type(natural_type(column))
    value: sql.Composable = column.quoted
    if kind == "money":
        value = _cast(value, "numeric" + "[]" * column.dimensions)
    if masked:
        return Expression(sql.SQL("encode(sha256({}), 'hex')").format(masked.bytes_of(value)), None)
    if target.base in {"text", "text[]"} and target.base in {"text", natural.base}:
        return Expression(_cast(value, target.base), None)
    if target == natural:
        return Expression(value, None)
    if column.dimensions or target.base not in _accepted(kind, natural):
        raise SyncError(
            f"column {column.name}: {column.declared} has no exact form in {declared}; declare"
            f" {natural_type(column)} or text"
        )
    if kind == "real":
        value = _cast(value, target.base)  # its own text names another double
    elif target.base in CHARACTERS:
        value = _cast(value, "text")  # without the blanks that pad it
    return Expression(value, _guard(kind, found or natural, value, target))


def _cast(value: sql.Composable, name: str) -> sql.Composable:
    return sql.SQL("{}::{}").format(value, sql.SQL(name))


def _accepted(kind: str, natural: PgType) -> set[str]:
    whole = kind == "numeric" and natural.scale is not None and natural.scale <= 0
    return {natural.base} | ACCEPTS.get(kind, set()) | (INTEGERS if whole else set())


def _guard(kind: str, found: PgType, value: sql.Composable, target: PgType) -> sql.Composable | None:
    """What COPY would not notice: it rounds digits away, and cuts blanks off."""
    length = sql.Literal(target.length)
    if target.base == "numeric" and target.scale is not None:
        scale = found.scale if kind in {"numeric", "money"} else 0
        if scale is not None and scale <= target.scale:
            return None
        return sql.SQL("{0} = round({0}, {1})").format(value, sql.Literal(target.scale))
    if kind in TEMPORAL and target.length is not None:
        if (LONGEST_FRACTION if found.length is None else found.length) <= target.length:
            return None
        return sql.SQL("{0} = {0}::{1}({2})").format(value, sql.SQL(kind), length)
    if target.base == "character":
        return sql.SQL("length({0}) <= {1} AND {0} NOT LIKE '% '").format(value, length)
    if target.base == "character varying" and target.length is not None:
        wide = found.length is not None and found.length <= target.length
        return None if wide else sql.SQL("length({}) <= {}").format(value, length)
    return None
