"""Identifiers and column lists in PostgreSQL's SQL."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from hashlib import sha256

from sync.connections.psycopg import sql

LONGEST_NAME_BYTES = 63

BATCH, CHANGED_AT, DELETED = "_batch", "_changed_at", "_deleted"
ROW_KEY = "_key"  # key of a table without one: a hash of the row and which of its equals it is
HASH, OPERATION = "_hash", "_operation"  # in temporary tables alone
RESERVED = {BATCH, CHANGED_AT, DELETED, ROW_KEY, HASH, OPERATION}
# https://www.postgresql.org/docs/current/ddl-system-columns.html
SYSTEM_COLUMNS = {"tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"}


@dataclass(frozen=True)
class WorkTables:
    """The temporary tables of one load; several loads share a connection.

    `staged` holds the rows that were read, `touched` the keys that a log named, `rejected` what is bound for
    the quarantine and `newly_rejected` what it lacks, `keyed` the staged rows of a table without a key, and
    `delta` the rows to write. `indexed` holds long keys that fit an index, `oversized` the places of others.
    """

    staged: sql.Identifier
    touched: sql.Identifier
    rejected: sql.Identifier
    newly_rejected: sql.Identifier
    keyed: sql.Identifier
    delta: sql.Identifier
    indexed: sql.Identifier
    oversized: sql.Identifier

    @classmethod
    def numbered(cls, number: int) -> WorkTables:
        return cls(*(sql.Identifier("pg_temp", f"{field.name}_{number}") for field in fields(cls)))


def stored_name(name: str) -> str:
    """The name under which PostgreSQL keeps a table or column.

    It would cut a name of more than 63 bytes in silence, and two long names could become one: such a name
    ends in a hash of the whole instead. MySQL's names have up to 64 characters.
    """
    encoded = name.encode()
    if len(encoded) <= LONGEST_NAME_BYTES:
        return name
    digest = sha256(encoded).hexdigest()[:8]
    return f"{encoded[: LONGEST_NAME_BYTES - 9].decode(errors='ignore')}_{digest}"


def identifier(*names: str) -> sql.Identifier:
    return sql.Identifier(*(stored_name(name) for name in names))


def relation(schema: str, name: str) -> sql.Composed:
    """The table as a value of SQL, for functions that are given one."""
    return sql.SQL("(quote_ident({}) || '.' || quote_ident({}))::regclass").format(
        sql.Literal(stored_name(schema)), sql.Literal(stored_name(name))
    )


def column_list(names: Iterable[str], alias: str | None = None) -> sql.Composed:
    """`a, b` or `alias.a, alias.b`."""
    return sql.SQL(", ").join(
        sql.Identifier(alias, stored_name(name)) if alias else identifier(name) for name in names
    )


def equal(names: Iterable[str], left: str, right: str) -> sql.Composed:
    """`left.a = right.a AND …`."""
    return sql.SQL(" AND ").join(
        sql.SQL("{} = {}").format(
            sql.Identifier(left, stored_name(name)), sql.Identifier(right, stored_name(name))
        )
        for name in names
    )
