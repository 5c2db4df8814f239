"""The mapping of MySQL's and MariaDB's types: what a column becomes in PostgreSQL, and the SQL for it.

The source builds each row's COPY line itself, so this mapping is the conversion: there is no other one. A
value that its column cannot hold exactly is marked by the same expression and found by one search for a NUL
byte, which no valid line holds.
"""

from __future__ import annotations

from dataclasses import dataclass

from sync.errors import SyncError
from sync.sources.mysql_catalog import SourceColumn, quote
from sync.types import PgType, parse_type

# A backslash before "!" or "#" occurs in no escaped field, so a mark cannot be mistaken for data.
MISFIT_MARK = b"\0\\!"  # begins a field whose value its column cannot hold
OVERFLOW_MARK = b"\0\\#"  # begins what comes instead of a line that is too long: a predicate for its row
MISFIT_SQL = r"'\0\\!'"
OVERFLOW_SQL = r"'\0\\#'"
NULL_SQL = r"'\\N'"

INTEGERS = {"tinyint", "smallint", "mediumint", "int", "bigint"}
CHARACTERS = {"char", "varchar", "tinytext", "text", "mediumtext", "longtext", "enum", "set"}
LONG_TEXTS = {"text", "mediumtext", "longtext", "json"}
# REPLACE moves all that follows for every match: escaping a long text on the server costs its length squared.
LONGEST_ESCAPED_BYTES = 1 << 14
UTF8 = {"utf8mb4", "utf8mb3", "utf8", "ascii"}  # whose bytes need no conversion
BINARIES = {"binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob", "vector"}
GEOMETRIES = {
    "geometry", "point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon",
    "geometrycollection", "geomcollection",
}  # fmt: skip
NUMBER_KINDS = {"integer", "decimal", "year", "bit"}
TEMPORAL = {"date", "datetime", "timestamp", "time"}
KINDS: dict[str, str] = {
    **dict.fromkeys(INTEGERS, "integer"),
    **dict.fromkeys(CHARACTERS, "text"),
    **dict.fromkeys(BINARIES | GEOMETRIES, "binary"),
    **{name: name for name in ("date", "datetime", "timestamp", "time", "year", "bit", "json", "decimal")},
    **{name: name for name in ("uuid", "inet4", "inet6", "float", "double")},
}
# The PostgreSQL types that hold every value of a kind, or refuse it in COPY, or are guarded by `_guard`.
ACCEPTS: dict[str, set[str]] = {
    "integer": {"smallint", "integer", "bigint", "numeric", "boolean"},
    "bit": {"smallint", "integer", "bigint", "numeric", "boolean"},
    "year": {"smallint", "integer", "bigint", "numeric"},
    "decimal": {"numeric"},
    "float": {"real", "double precision"},
    "double": {"double precision"},
    "text": {"character varying", "character", "uuid", "json", "jsonb"},
    "json": {"json", "jsonb"},
    "binary": {"bytea"},
    "date": {"date", "timestamp"},
    "datetime": {"timestamp"},
    "timestamp": {"timestamptz", "timestamp"},
    "time": {"interval", "time"},
    "uuid": {"uuid"},
    "inet4": {"inet"},
    "inet6": {"inet"},
}


@dataclass(frozen=True)
class Expression:
    """How to render one column. All of it is SQL over the source's row.

    `text` is the value as text (never evaluated for NULL); `field` the same as a field of a COPY line; `fits`
    a condition that a value must meet, None where any does; `literal` builds the text of a predicate that
    finds the row by this column. `raw` marks text and binary columns, whose values can be of any size.
    """

    column: str
    text: str
    field: str
    fits: str | None
    literal: str
    raw: bool


def natural_type(column: SourceColumn) -> str:
    """The PostgreSQL type that holds every value of a column exactly. Raises `SyncError` for a type that has
    none here."""
    kind = kind_of(column)
    if kind == "integer":
        return _natural_integer(column)
    if kind == "decimal":
        return f"numeric({column.precision},{column.scale})"
    if kind == "bit":
        return "bigint" if (column.precision or 64) < 64 else "numeric(20,0)"
    if kind in {"datetime", "timestamp"}:
        name = "timestamp" if kind == "datetime" else "timestamptz"
        return f"{name}({column.scale or 0})"
    natural = {"float": "real", "double": "double precision", "json": "jsonb", "binary": "bytea",
               "time": "interval", "year": "smallint", "inet4": "inet", "inet6": "inet"}  # fmt: skip
    return natural.get(kind, kind)


def _natural_integer(column: SourceColumn) -> str:
    if column.data_type == "bigint":
        return "numeric(20,0)" if column.unsigned else "bigint"
    if column.data_type == "int":
        return "bigint" if column.unsigned else "integer"
    wide = column.data_type == "mediumint" or (column.data_type == "smallint" and column.unsigned)
    return "integer" if wide else "smallint"


def kind_of(column: SourceColumn) -> str:
    """The kind of a column, see `KINDS`. Raises `SyncError` for a type that has none."""
    kind = KINDS.get(column.data_type)
    if kind is None:
        raise SyncError(f"column {column.name}: no mapping for MySQL's type {column.column_type}; exclude it")
    return kind


def expression(column: SourceColumn, declared: str, mask: bool, fetchable: bool) -> Expression:
    """The expression that renders `column` for a target column of the type `declared`.

    `fetchable` says that the row can be fetched by its key: a text that is too long to escape on the server
    makes its field, and so its line, NULL. Raises `SyncError` when not every value of the source's type has
    an exact form in that type.
    """
    kind, name = kind_of(column), quote(column.name)
    target = parse_type(declared)
    text = _text(column, kind, name, target)
    if mask:
        text = f"SHA2({text}, 256)"
    elif target.base not in _accepted(kind, column):
        raise SyncError(
            f"column {column.name}: {column.column_type} has no exact form in {declared}; declare"
            f" {natural_type(column)} or text"
        )
    escaped = _escaped(text) if kind in {"text", "json"} and not mask else text
    if kind == "binary" and not mask:
        escaped = rf"CONCAT('\\', {text})"
    fits = None if mask else _guard(kind, column, name, text, target)
    field = f"IF({fits}, {escaped}, CONCAT({MISFIT_SQL}, {escaped}))" if fits else escaped
    if fetchable and escaped != text and column.data_type in LONG_TEXTS:
        field = f"IF(OCTET_LENGTH({name}) > {LONGEST_ESCAPED_BYTES}, NULL, {field})"
    if column.nullable:
        field = f"IF({name} IS NULL, {NULL_SQL}, {field})"
    return Expression(
        name, text, field, fits, _literal(kind, name), kind in {"text", "json", "binary"} and not mask
    )


def _accepted(kind: str, column: SourceColumn) -> set[str]:
    whole = kind == "decimal" and column.scale == 0
    return ACCEPTS[kind] | {"text"} | (ACCEPTS["integer"] - {"boolean"} if whole else set())


def _text(column: SourceColumn, kind: str, name: str, target: PgType) -> str:
    if kind in {"text", "json"}:
        # As bytes: collations cannot clash, and REPLACE need not look for characters.
        utf8 = name if column.charset in UTF8 else f"CONVERT({name} USING utf8mb4)"
        return f"CAST({utf8} AS BINARY)"
    if kind == "binary":
        return rf"CONCAT('\\x', HEX({name}))"
    if kind == "bit":
        return f"CAST({name} AS UNSIGNED)"
    if kind == "float":
        # MariaDB prints a FLOAT with six digits; a product with 1e0 is a DOUBLE and keeps the sign of zero.
        return f"({name} * 1e0)"
    if kind == "timestamp" and target.base != "timestamp":
        return f"CONCAT({name}, '+00')"
    if kind in {"uuid", "inet4", "inet6"}:
        return f"CAST({name} AS CHAR)"
    return name


def _escaped(text: str) -> str:
    for plain, escape in (
        (r"'\\'", r"'\\\\'"),
        (r"'\t'", r"'\\t'"),
        (r"'\n'", r"'\\n'"),
        (r"'\r'", r"'\\r'"),
    ):
        text = f"REPLACE({text}, {plain}, {escape})"
    return text


def _guard(kind: str, column: SourceColumn, name: str, text: str, target: PgType) -> str | None:
    """What COPY would not notice: it rounds digits away, and a zero date would name no column."""
    conditions = []
    if kind in TEMPORAL - {"time"} and target.base != "text":
        conditions.append(f"YEAR({name}) <> 0")
    if kind in TEMPORAL and target.length is not None and (column.scale or 0) > target.length:
        conditions.append(f"MICROSECOND({name}) % {10 ** (6 - target.length)} = 0")
    if kind == "decimal" and target.scale is not None and (column.scale or 0) > target.scale:
        conditions.append(f"{name} = ROUND({name}, {target.scale})")
    if target.base in {"character varying", "character"} and target.length is not None:
        conditions.append(f"CHAR_LENGTH({name}) <= {target.length}")
    if target.base == "character":
        conditions.append(f"RIGHT({text}, 1) <> ' '")
    return " AND ".join(conditions) or None


def _literal(kind: str, name: str) -> str:
    if kind == "binary":
        return f"""CONCAT("x'", HEX({name}), "'")"""
    if kind == "bit":
        return f"CAST({name} AS UNSIGNED)"
    if kind in {"integer", "decimal", "year"}:
        return f"CAST({name} AS CHAR)"
    return f"QUOTE(CONVERT({name} USING utf8mb4))"
