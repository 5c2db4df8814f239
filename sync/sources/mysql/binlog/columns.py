"""A key's columns in the source: what their stored bytes mean, which the log alone does not tell.

MariaDB's UUID and INET look like binary strings in the log, labels and character sets are there at most with
binlog_row_metadata=FULL; they come from the catalog, which must agree with the physical types in the log.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from socket import AF_INET, AF_INET6, inet_ntop
from typing import Any
from uuid import UUID

import pymysql

from sync.errors import SyncError
from sync.sources.mysql.binlog import table_map as physical
from sync.sources.mysql.binlog import values
from sync.sources.mysql.binlog.table_map import Physical
from sync.sources.mysql.binlog.values import Decode

INTEGERS = {
    "tinyint": physical.TINY, "smallint": physical.SHORT, "mediumint": physical.INT24,
    "int": physical.LONG, "bigint": physical.LONGLONG,
}  # fmt: skip
BLOBS = {"tinyblob", "blob", "mediumblob", "longblob", "tinytext", "text", "mediumtext", "longtext"}
TEXTS = {"char", "varchar", *BLOBS}
GEOMETRIES = {
    "geometry", "point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon",
    "geometrycollection", "geomcollection",
}  # fmt: skip
VARCHARS = {physical.VARCHAR, physical.VAR_STRING, physical.VARCHAR_COMPRESSED}
# The codes that the log may have for a type of the catalog; a compressed column has one of its own.
PHYSICAL: dict[str, set[int]] = {
    **{name: {code} for name, code in INTEGERS.items()},
    **{name: {physical.BLOB, physical.BLOB_COMPRESSED} for name in BLOBS},
    **{name: {physical.GEOMETRY} for name in GEOMETRIES},
    **{name: {physical.STRING} for name in ("char", "binary", "uuid", "inet6", "inet4")},
    "varchar": VARCHARS, "varbinary": VARCHARS,
    "decimal": {physical.NEWDECIMAL}, "float": {physical.FLOAT}, "double": {physical.DOUBLE},
    "bit": {physical.BIT}, "year": {physical.YEAR}, "date": {physical.DATE, physical.NEWDATE},
    "datetime": {physical.DATETIME2, physical.DATETIME}, "time": {physical.TIME2, physical.TIME},
    "timestamp": {physical.TIMESTAMP2, physical.TIMESTAMP}, "enum": {physical.ENUM}, "set": {physical.SET},
    "json": {physical.JSON, physical.BLOB}, "vector": {physical.VECTOR, physical.VARCHAR},
}  # fmt: skip
LATIN1 = "latin1"
CODECS = {
    "utf8mb4": "utf-8", "utf8mb3": "utf-8", "utf8": "utf-8", "ascii": "ascii", "ucs2": "utf-16-be",
    "utf16": "utf-16-be", "utf16le": "utf-16-le", "utf32": "utf-32-be", "latin2": "iso8859-2",
    "cp1250": "cp1250", "cp1251": "cp1251", "koi8r": "koi8-r", "koi8u": "koi8-u",
}  # fmt: skip


@dataclass(frozen=True)
class CatalogColumn:
    """A column as information_schema has it; `definition` is the whole type, labels in their own case.
    `position` counts from one, those that this user may not see included."""

    position: int
    name: str
    data_type: str
    definition: str
    charset: str
    nullable: bool


def read_columns(connection: pymysql.Connection[Any], database: str, table: str) -> list[CatalogColumn]:
    """The table's columns that this user may see, in their order; none where there is no such table."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT ordinal_position, column_name, lower(data_type), column_type,"
            " coalesce(character_set_name, ''), is_nullable"
            " FROM information_schema.columns WHERE table_schema = %s AND table_name = %s"
            " ORDER BY ordinal_position",
            (database, table),
        )
        rows = cursor.fetchall()
    return [CatalogColumn(row[0], row[1], row[2], row[3], row[4], row[5] == "YES") for row in rows]


def agrees(catalog: CatalogColumn, stored: Physical) -> bool:
    """Whether a column of the log can be this one. Integers can, whatever their length."""
    if catalog.nullable != stored.nullable:
        return False
    if catalog.data_type in INTEGERS:
        return stored.type in INTEGERS.values()
    return stored.type in PHYSICAL.get(catalog.data_type, set())


def decoder(catalog: CatalogColumn, stored: Physical) -> Decode:
    """What turns the column's stored bytes, without their length, into a value.

    Raises `SyncError` for a type or character set that a key cannot have here.
    """
    kind, code = catalog.data_type, stored.type
    if code in INTEGERS.values():
        unsigned = stored.unsigned if stored.unsigned is not None else "unsigned" in catalog.definition
        return values.integer(unsigned)
    if kind in TEXTS and (kind not in BLOBS or catalog.charset):
        return _text(catalog)
    if kind in {"enum", "set"}:
        labels = tuple(
            label.replace("''", "'") for label in re.findall(r"'((?:[^']|'')*)'", catalog.definition)
        )
        return values.enum(labels) if kind == "enum" else values.members(labels)
    if kind in FIXED_STRINGS:
        return FIXED_STRINGS[kind]
    by_type: dict[int, Decode] = {
        physical.NEWDECIMAL: values.decimal(stored), physical.FLOAT: values.real(stored),
        physical.DOUBLE: values.real(stored), physical.BIT: values.bits, physical.YEAR: values.year,
        physical.DATE: values.date, physical.NEWDATE: values.date,
        physical.DATETIME2: values.datetime2(stored), physical.TIMESTAMP2: values.timestamp2(stored),
        physical.TIME2: values.time2(stored), physical.STRING: values.padded(stored.metadata),
        physical.VARCHAR: bytes, physical.VAR_STRING: bytes, physical.BLOB: bytes,
    }  # fmt: skip
    if code not in by_type:
        raise SyncError(f"key column {catalog.name}: {catalog.definition} can't follow the log; declare full")
    return by_type[code]


FIXED_STRINGS: dict[str, Decode] = {
    "uuid": lambda data: str(UUID(bytes=data.ljust(16, b"\0"))),
    "inet6": lambda data: inet_ntop(AF_INET6, data.ljust(16, b"\0")),
    "inet4": lambda data: inet_ntop(AF_INET, data.ljust(4, b"\0")),
}


def refuse_character_set(column: str, charset: str) -> None:
    """Raises `SyncError` for a key column of letters whose bytes in the log tell nothing; `column` begins the
    message."""
    if charset and charset != LATIN1 and charset not in CODECS:
        raise SyncError(
            f"{column}: its character set {charset} cannot be read from the log; declare strategy full"
        )


def _text(catalog: CatalogColumn) -> Decode:
    refuse_character_set(f"key column {catalog.name}", catalog.charset)
    return values.latin1 if catalog.charset == LATIN1 else values.text(CODECS[catalog.charset])
