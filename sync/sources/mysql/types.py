"""The mapping of MySQL's and MariaDB's types: what a column becomes in PostgreSQL, and the SQL for it.

The source builds each row's COPY line itself, so this mapping is the conversion: there is no other one. A
value that its column cannot hold exactly is marked by the same expression and found by one search for a NUL
byte, which no valid line holds.
"""

from __future__ import annotations

from dataclasses import dataclass

from sync.errors import SyncError
from sync.sources.mysql.catalog import SourceColumn, quote
from sync.spec import ZERO_DATE_NULL, Column, Table
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
# Whose bytes need no conversion; those of an ENUM or SET of bytes are taken for UTF-8, or refused by COPY.
UTF8 = {"utf8mb4", "utf8mb3", "utf8", "ascii", "binary", ""}
UNICODE = UTF8 | {"latin1", "ucs2", "utf16", "utf16le", "utf32"}  # whose every character is one of Unicode's
BINARIES = {"binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob", "vector"}
GEOMETRIES = {
    "geometry", "point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon",
    "geometrycollection", "geomcollection",
}  # fmt: skip
NUMBER_KINDS = {"integer", "decimal", "year", "bit"}
DATES = {"date", "datetime", "timestamp"}
TEMPORAL = DATES | {"time"}
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
    finds the row by this column. `fetched` is what to select where the row is read by columns: the value
    itself of text and binary columns, which can be of any size, else the text. Bytes that come then are UTF-8
    unless the column is `binary`.
    """

    text: str
    field: str
    fits: str | None
    literal: str
    fetched: str
    column: str
    binary: bool


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


def zero_date(table: Table, column: SourceColumn) -> str | None:
    """What a zero date becomes in a column of the catalog. Raises `SyncError` for NULL in the key."""
    if table.zero_date is None or kind_of(column) not in DATES:
        return None
    if table.zero_date == ZERO_DATE_NULL and column.name in table.key:
        raise SyncError(
            f"{table.qualified}: key column {column.name} takes no NULL; give zero_date a date, or declare"
            f" the columns, each with its own"
        )
    return table.zero_date


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


def expression(column: SourceColumn, wanted: Column, fetchable: bool) -> Expression:
    """The expression that renders the source's `column` for the target's column `wanted`.

    `fetchable` says that the row can be fetched by its key: a text that is too long to escape on the server
    makes its field, and so its line, NULL. Raises `SyncError` when not every value of the source's type has
    an exact form in the wanted one.
    """
    kind, name = kind_of(column), quote(column.name)
    target = parse_type(wanted.type)
    _refuse_unfit(column, kind, wanted, target)
    text = _text(column, kind, name, target)
    null = f"{name} IS NULL" if column.nullable else None
    fits = None
    if wanted.mask:
        text = f"SHA2({text}, 256)"
    else:
        fits = _guard(kind, column, name, text, target)
    if wanted.zero_date == ZERO_DATE_NULL:
        null, text = f"IFNULL({name} = 0, TRUE)", f"IF({name} = 0, NULL, {text})"
    elif wanted.zero_date:
        text, fits = f"IF({name} = 0, '{wanted.zero_date}', {text})", f"({name} = 0 OR {fits})"
    plain = wanted.mask or kind not in {"text", "json", "binary"}
    shown = f"CONCAT('0x', HEX({name}))" if fits and _converted(kind, column) else None
    field = _field(text if plain else _escaped(kind, text), fits, shown)
    if fetchable and not plain and column.data_type in LONG_TEXTS:
        field = f"IF(OCTET_LENGTH({name}) > {LONGEST_ESCAPED_BYTES}, NULL, {field})"
    if null:
        field = f"IF({null}, {NULL_SQL}, {field})"
    fetched = f"CONCAT({text})"
    if not plain:
        fetched = f"IF({fits}, {name}, {shown})" if shown else name
    if not plain and kind != "binary" and column.charset in UTF8:
        fetched = text  # as bytes, which need not be decoded and encoded again
    return Expression(text, field, fits, _literal(kind, name), fetched, name, kind == "binary")


def _refuse_unfit(column: SourceColumn, kind: str, wanted: Column, target: PgType) -> None:
    if not wanted.mask and target.base not in _accepted(kind, column):
        raise SyncError(
            f"column {column.name}: {column.column_type} has no exact form in {wanted.type}; declare"
            f" {natural_type(column)} or text"
        )
    if wanted.zero_date and kind not in DATES:
        raise SyncError(f"column {column.name}: {column.column_type} has no zero dates; declare no zero_date")


def _field(escaped: str, fits: str | None, shown: str | None) -> str:
    """`shown` is what a reader sees of a value that does not fit, where that is not its field."""
    return f"IF({fits}, {escaped}, CONCAT({MISFIT_SQL}, {shown or escaped}))" if fits else escaped


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
        # MariaDB prints a FLOAT with six digits, a product with 1e0 is a DOUBLE; and it prints -0.0 as 0.
        return f"IF({name} = 0 AND ATAN2({name}, -1) < 0, '-0', {name} * 1e0)"
    if kind == "timestamp" and target.base != "timestamp":
        return f"CONCAT({name}, '+00')"
    if kind in {"uuid", "inet4", "inet6"}:
        return f"CAST({name} AS CHAR)"
    return name


def _escaped(kind: str, text: str) -> str:
    if kind == "binary":
        return rf"CONCAT('\\', {text})"
    for plain, escape in (
        (r"'\\'", r"'\\\\'"),
        (r"'\t'", r"'\\t'"),
        (r"'\n'", r"'\\n'"),
        (r"'\r'", r"'\\r'"),
    ):
        text = f"REPLACE({text}, {plain}, {escape})"
    return text


def _converted(kind: str, column: SourceColumn) -> bool:
    """Whether a text's character set has characters that Unicode lacks: the server shows those as `?`."""
    return kind == "text" and column.charset not in UNICODE


def _guard(kind: str, column: SourceColumn, name: str, text: str, target: PgType) -> str | None:
    """What COPY would not notice, as digits that it rounds away, and what it finds a row at a time, as dates
    that are none."""
    conditions = []
    if kind in DATES and target.base != "text":
        conditions.append(f"WEEKDAY({name}) IS NOT NULL")
    if kind in TEMPORAL and target.length is not None and (column.scale or 0) > target.length:
        conditions.append(f"MICROSECOND({name}) % {10 ** (6 - target.length)} = 0")
    if kind in NUMBER_KINDS and target.scale is not None and (column.scale or 0) > target.scale:
        conditions.append(f"{text} = ROUND({text}, {target.scale})")
    if _converted(kind, column):
        again = f"CAST(CONVERT(CONVERT({name} USING utf8mb4) USING {column.charset}) AS BINARY)"
        unmarked = f"LOCATE('?', CONVERT({name} USING utf8mb4)) = 0"
        conditions.append(f"({unmarked} OR {again} = CAST({name} AS BINARY))")
    if target.base in {"character varying", "character"} and target.length is not None:
        conditions.append(f"CHAR_LENGTH({name}) <= {target.length}")
    if target.base == "character":
        conditions.append(f"RIGHT({text}, 1) <> ' '")
    return " AND ".join(conditions) or None


def key_literal(column: SourceColumn) -> str:
    """SQL for the literal that a value of a key's column is compared with."""
    return _literal(kind_of(column), quote(column.name))


def _literal(kind: str, name: str) -> str:
    if kind == "binary":
        return f"""CONCAT("x'", HEX({name}), "'")"""
    if kind == "bit":
        return f"CAST({name} AS UNSIGNED)"
    if kind in {"integer", "decimal", "year"}:
        return f"CAST({name} AS CHAR)"
    return f"QUOTE(CONVERT({name} USING utf8mb4))"
