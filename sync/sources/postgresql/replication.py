"""What a PostgreSQL server takes from another one: as a standby, or by subscriptions. It shows none of the
transactions that are open there, and its rows are as old as what it has applied."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sync.connections.psycopg import Cursor, sql
from sync.sources.base import Elsewhere
from sync.sources.postgresql.catalog import SourceTable

STANDS_STILL = (
    "how old its rows are cannot be told, since its replication stands still: let it go on, or name the"
    " primary in the URL"
)
STANDBY = "SELECT pg_is_in_recovery()"
# With all applied that was received, and a receiver that would bring more, it is not behind.
STANDBY_LAG = """
    SELECT CASE WHEN pg_last_wal_receive_lsn() <= pg_last_wal_replay_lsn()
        AND EXISTS (SELECT FROM pg_stat_get_wal_receiver() WHERE pid IS NOT NULL) THEN '0'::interval
    ELSE clock_timestamp() - pg_last_xact_replay_timestamp() END
"""
# The applying worker of each subscription that brings rows into these tables, or into any.
SUBSCRIBER_LAG = """
    SELECT count(*), bool_and(w.pid IS NOT NULL), max(clock_timestamp() - w.last_msg_send_time)
    FROM pg_subscription s
    LEFT JOIN pg_stat_get_subscription(s.oid) w ON w.relid IS NULL
    WHERE s.subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND EXISTS (SELECT FROM pg_subscription_rel r WHERE r.srsubid = s.oid AND {wanted})
"""
# Partitions and children are subscribed to by themselves.
OF_TABLE = """
    (r.srrelid = {oid} OR r.srrelid IN (WITH RECURSIVE part AS (SELECT inhrelid FROM pg_inherits
        WHERE inhparent = {oid} UNION
        SELECT i.inhrelid FROM pg_inherits i JOIN part ON inhparent = part.inhrelid) TABLE part))
"""


def replication(cursor: Cursor, source: SourceTable | None = None) -> Elsewhere | None:
    """What the server replicates of a table's rows, or of any; None where all are written here."""
    if value(cursor, STANDBY):
        return Elsewhere("a standby", value(cursor, STANDBY_LAG), STANDS_STILL)
    wanted: sql.Composable = sql.SQL("true")
    if source:
        oid = sql.Literal(source.quoted.as_string(cursor)) + sql.SQL("::regclass")
        wanted = sql.SQL(OF_TABLE).format(oid=oid)
    cursor.execute(sql.SQL(SUBSCRIBER_LAG).format(wanted=wanted))
    ((subscriptions, running, lag),) = cursor.fetchall()
    if not subscriptions:
        return None
    known = max(timedelta(0), lag) if running and lag is not None else None
    return Elsewhere("a subscriber", known, STANDS_STILL)


def shown_at(cursor: Cursor) -> datetime:
    """The moment that the rows show: the server's clock, set back by its lag where that is known."""
    elsewhere = replication(cursor)
    return now(cursor) - elsewhere.lag if elsewhere and elsewhere.lag else now(cursor)


def now(cursor: Cursor) -> datetime:
    """The server's clock."""
    found: datetime = value(cursor, "SELECT clock_timestamp()")
    return found


def value(cursor: Cursor, statement: str | sql.Composed) -> Any:
    """The first value of a statement, None where there is no row."""
    cursor.execute(statement)
    row = cursor.fetchone()
    return row[0] if row else None
