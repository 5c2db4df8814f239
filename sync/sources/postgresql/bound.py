"""What PostgreSQL's open transactions leave certain about a cursor."""

from __future__ import annotations

from datetime import datetime, timedelta

from sync.connections.psycopg import Cursor, sql
from sync.sources.base import EARLIEST, Bound
from sync.sources.postgresql.catalog import SourceTable, column_of
from sync.sources.postgresql.replication import now, replication, value
from sync.sources.postgresql.types import expression, natural_type
from sync.spec import Table
from sync.types import parse_type
from sync.watermark import NUMBERS

# Below NaN, and below infinity, which PostgreSQL knows from version 14 on: it has 131072 digits.
GREATEST_NUMERIC = "9e131071"
# A transaction's time is fixed a moment before it shows.
GRANULARITY = timedelta(milliseconds=10)
MAY_TELL = "SELECT pg_has_role(current_user, 'pg_read_all_stats', 'USAGE')"
# A vacuum, which may take hours, writes no row. Some background workers do, and some belong to no database.
OLDEST = """
    SELECT min(coalesce(xact_start, CASE state WHEN 'active' THEN query_start END)) FROM pg_stat_activity
    WHERE pid <> pg_backend_pid() AND backend_type <> 'autovacuum worker'
        AND coalesce(nullif(datid, 0), (SELECT oid FROM pg_database WHERE datname = current_database()))
            = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
# When a prepared transaction began is told nowhere.
PREPARED = "SELECT EXISTS (SELECT FROM pg_prepared_xacts WHERE database = current_database())"

MAY_IDENTIFY = """
    SELECT bool_and(has_function_privilege(name, 'EXECUTE'))
    FROM unnest(ARRAY['pg_control_system()', 'pg_control_checkpoint()']) AS name
"""
IDENTITY = """
    SELECT concat_ws('/', system_identifier, timeline_id, d.oid)
    FROM pg_control_system(), pg_control_checkpoint(), pg_database d WHERE datname = current_database()
"""


def find_bound(cursor: Cursor, source: SourceTable, table: Table) -> Bound:
    """The bound for `table`'s cursor. The connection is in autocommit mode, and no transaction open on it."""
    bound = _own_bound(cursor, source, table)
    elsewhere = replication(cursor, source)
    return elsewhere.bound(bound, timedelta(seconds=table.overlap_seconds)) if elsewhere else bound


def _own_bound(cursor: Cursor, source: SourceTable, table: Table) -> Bound:
    column = column_of(source, table, table.cursor_source_name)
    natural = natural_type(column)
    if parse_type(natural).base not in NUMBERS:
        at = _oldest(cursor)
        at = at and max(at, EARLIEST + GRANULARITY) - GRANULARITY
        return Bound(at, now(cursor), server=_server(cursor))
    finite = sql.SQL("{} < {}").format(column.quoted, sql.Literal(GREATEST_NUMERIC))
    greatest = sql.SQL("SELECT max({})::text FROM {} WHERE {}").format(
        expression(column, natural, masked=None).value,
        source.quoted,
        finite if column.may_be_infinite else sql.SQL("true"),
    )
    found = value(cursor, greatest)
    # Only now: whoever drew a lesser number has begun before.
    probed_at = now(cursor)
    return Bound(_oldest(cursor), probed_at, found, _server(cursor))


def _server(cursor: Cursor) -> str | None:
    """The database and its history: a standby has the same until it is promoted, which may have lost
    transactions; a database that was restored has another. None without the right to see it."""
    if not value(cursor, MAY_IDENTIFY):
        return None
    return str(value(cursor, IDENTITY))


def _oldest(cursor: Cursor) -> datetime | None:
    """When the oldest open transaction began, None where this user may not see it."""
    if not value(cursor, MAY_TELL):
        return None
    asked_at = now(cursor)
    oldest: datetime | None = value(cursor, OLDEST)
    # Afterwards, for an open transaction may become a prepared one meanwhile.
    return EARLIEST if value(cursor, PREPARED) else min(oldest or asked_at, asked_at)
