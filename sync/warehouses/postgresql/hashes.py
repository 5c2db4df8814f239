"""A row's hash in PostgreSQL's SQL, see `fingerprint.py` for what is hashed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sync.connections.psycopg import sql
from sync.warehouses.contract import Fingerprint, Hashing
from sync.warehouses.fingerprint import BUCKETS, HEX_DIGITS, Canonical, canonical
from sync.warehouses.postgresql.catalog import column_list
from sync.warehouses.schema import TableSchema

if TYPE_CHECKING:
    from sync.connections.psycopg import Cursor

CANONICAL_TEXT = {
    Canonical.DIGITS: "{}::text",
    Canonical.BOOLEAN: "{}::integer::text",
    Canonical.DATE: "{}::text",
    # A time without end is in no warehouse's column, but may wait in its quarantine.
    Canonical.MICROSECONDS: "CASE WHEN isfinite({0}) THEN (extract(epoch FROM {0}) * 1000000)::bigint::text"
    " ELSE {0}::text END",
    Canonical.TEXT: "{}::text",
}


def row_hash(schema: TableSchema, hashing: Hashing, empty_text_is_null: bool = False) -> sql.Composable:
    """The hash of a row of the alias `t`."""
    if hashing is Hashing.RECORD:
        return sql.SQL("hashtextextended(ROW({})::text, 0)").format(column_list(schema.column_names, of="t"))
    texts = [
        sql.SQL("coalesce(octet_length(convert_to({0}, 'UTF8')) || ':' || {0}, '-')").format(text)
        for text in _canonical_texts(schema, empty_text_is_null)
    ]
    return sql.SQL("('x' || left(md5(convert_to({}, 'UTF8')), {}))::bit(60)::bigint").format(
        sql.SQL(" || ").join(texts), sql.Literal(HEX_DIGITS)
    )


def _canonical_texts(schema: TableSchema, empty_text_is_null: bool) -> Sequence[sql.Composable]:
    texts = []
    for column in schema.columns:
        form = canonical(column)
        assert form is not None, f"{schema.name}.{column.name} has no canonical form"
        text = sql.SQL(CANONICAL_TEXT[form]).format(sql.Identifier("t", column.name))
        if form is Canonical.TEXT and empty_text_is_null:
            text = sql.SQL("nullif({}, '')").format(text)
        texts.append(text)
    return texts


def bucket(hash_: sql.Composable) -> sql.Composable:
    return sql.SQL("({} & {})").format(hash_, sql.Literal(BUCKETS - 1))


def read_fingerprint(cursor: Cursor, hashes: sql.Composable) -> Fingerprint:
    """Of a query whose column is named `_hash`."""
    cursor.execute(
        sql.SQL("SELECT {}::integer, count(*), sum(_hash) FROM ({}) AS h GROUP BY 1").format(
            bucket(sql.Identifier("_hash")), hashes
        )
    )
    return {number: (int(rows), int(total)) for number, rows, total in cursor.fetchall()}
