"""Dagster's storage kept small: what it writes of each run and each tick, pruned by age.

Dagster prunes its ticks, and nothing else. Here go runs that succeeded or were cancelled, with all their
events; what belongs to no run (heartbeats, checks that sensors report, freshness); check executions; and the
snapshots of jobs that no run names any more. What stays, however old it is: every failed run, every run that
holds the last materialization of an asset and partition or the last verdict of a check, and the last event of
each kind that an asset has outside of runs.

It is written for PostgreSQL: deleting run by run through Dagster takes minutes for a day of them.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass

import dagster as dg
from dagster import DagsterInstance

from softcart_assets.seams import storage_url, whole_job
from sync.connections.postgresql import connect_postgresql
from sync.connections.psycopg import Connection, Cursor
from sync.errors import SyncError

# Runs that nobody asked for, by the tags that sensors and the upkeep give them.
QUIET_TAGS = ("softcart/source", "softcart/upkeep")
RUNS_AT_ONCE = 500
TABLES = (
    *("runs", "run_tags", "event_logs", "asset_event_tags", "asset_check_executions", "snapshots"),
    *("job_ticks", "asset_keys"),
)

KEPT_RUNS = """
CREATE TEMPORARY TABLE kept_runs ON COMMIT DROP AS
SELECT run_id FROM (
    SELECT DISTINCT ON (asset_key, partition) run_id FROM event_logs
    WHERE dagster_event_type IN ('ASSET_MATERIALIZATION', 'ASSET_OBSERVATION') AND asset_key IS NOT NULL
    ORDER BY asset_key, partition, id DESC
) AS materialized
UNION
SELECT run_id FROM (
    SELECT DISTINCT ON (asset_key, check_name, partition) run_id FROM asset_check_executions
    WHERE execution_status <> 'PLANNED'
    ORDER BY asset_key, check_name, partition, id DESC
) AS checked
"""
OLD_RUNS = """
SELECT run_id FROM runs
WHERE status IN ('SUCCESS', 'CANCELED') AND run_id NOT IN (SELECT run_id FROM kept_runs WHERE run_id <> '')
    AND (
        end_time < %(old)s
        OR end_time < %(quiet)s AND status = 'SUCCESS'
            AND EXISTS (SELECT FROM run_tags t WHERE t.run_id = runs.run_id AND t.key = ANY(%(tags)s))
    )
ORDER BY id
"""
OF_RUNS = (
    "DELETE FROM asset_event_tags WHERE event_id IN (SELECT id FROM event_logs WHERE run_id = ANY(%s))",
    "DELETE FROM asset_check_executions WHERE run_id = ANY(%s)",
    "DELETE FROM run_tags WHERE run_id = ANY(%s)",
    "DELETE FROM runs WHERE run_id = ANY(%s)",
)
EVENTS = "DELETE FROM event_logs WHERE run_id = ANY(%s)"
CHECKS = """
DELETE FROM asset_check_executions AS old
WHERE coalesce(evaluation_event_timestamp, create_timestamp) < to_timestamp(%(quiet)s) AT TIME ZONE 'UTC'
    AND EXISTS (
        SELECT FROM asset_check_executions AS newer
        WHERE newer.asset_key = old.asset_key AND newer.check_name = old.check_name
            AND newer.partition IS NOT DISTINCT FROM old.partition AND newer.id > old.id
            AND newer.execution_status <> 'PLANNED'
    )
"""
# A verdict on a check has no asset's key in the log: its execution points to it.
WITHOUT_RUN = """
DELETE FROM event_logs AS old
WHERE run_id = '' AND timestamp < to_timestamp(%(quiet)s) AT TIME ZONE 'UTC'
    AND CASE WHEN asset_key IS NULL
        THEN NOT EXISTS (SELECT FROM asset_check_executions c WHERE c.evaluation_event_storage_id = old.id)
        ELSE EXISTS (
            SELECT FROM event_logs AS newer
            WHERE newer.asset_key = old.asset_key AND newer.dagster_event_type = old.dagster_event_type
                AND newer.partition IS NOT DISTINCT FROM old.partition AND newer.id > old.id
        ) END
"""
TAGS_WITHOUT_EVENT = """
DELETE FROM asset_event_tags WHERE NOT EXISTS (SELECT FROM event_logs WHERE event_logs.id = event_id)
"""
SIZE = "SELECT coalesce(sum(pg_total_relation_size(to_regclass(name))), 0)::bigint FROM unnest(%s) AS name"


@dataclass(frozen=True)
class Rules:
    """How long what is written is kept: `days` a run, `quiet_hours` one that a sensor asked for and that
    succeeded, and what belongs to no run."""

    days: float = 30
    quiet_hours: float = 24

    @classmethod
    def from_environment(cls) -> Rules:
        """As SOFTCART_KEEP_RUNS_DAYS and SOFTCART_KEEP_QUIET_HOURS say.

        Raises `SyncError` for what is no number above nothing.
        """
        return cls(
            positive_number("SOFTCART_KEEP_RUNS_DAYS", cls.days),
            positive_number("SOFTCART_KEEP_QUIET_HOURS", cls.quiet_hours),
        )


@dataclass(frozen=True)
class Pruned:
    """What was removed, and the bytes that the storage takes: room that PostgreSQL fills before it grows."""

    runs: int
    events: int
    checks: int
    snapshots: int
    size: int


def positive_number(variable: str, default: float) -> float:
    """A setting that is a number above nothing. Raises `SyncError`."""
    said = os.environ.get(variable) or str(default)
    try:
        number = float(said)
    except ValueError:
        number = 0
    if not number > 0:
        raise SyncError(f"{variable} is {said!r}: give a number above 0")
    return number


def prune(instance: DagsterInstance, rules: Rules, now: float | None = None) -> Pruned:
    """Remove what is older than `rules` allow at `now` (seconds since 1970), and vacuum behind it.

    Raises `SyncError` where the storage is not PostgreSQL or cannot be reached.
    """
    url = storage_url(instance)
    if url is None:
        raise SyncError(
            "Dagster's storage is not in PostgreSQL: set SOFTCART_DAGSTER_URL, or switch this schedule off"
        )
    moment = time.time() if now is None else now
    ages = {
        "old": moment - rules.days * 86_400,
        "quiet": moment - rules.quiet_hours * 3600,
        "tags": list(QUIET_TAGS),
    }
    with closing(connect_postgresql(url)) as connection:
        with connection, connection.cursor() as cursor:
            cursor.execute(KEPT_RUNS)
            cursor.execute(OLD_RUNS, ages)
            runs = [run_id for (run_id,) in cursor.fetchall()]
        events = sum(_remove(connection, part) for part in _portions(runs))
        with connection, connection.cursor() as cursor:
            checks = _execute(cursor, CHECKS, ages)
            events += _execute(cursor, WITHOUT_RUN, ages)
            cursor.execute(TAGS_WITHOUT_EVENT)
        with connection, connection.cursor() as cursor:
            snapshots = _remove_snapshots(cursor, instance)
        return Pruned(len(runs), events, checks, snapshots, vacuum(connection))


def _portions(runs: list[str]) -> Iterable[list[str]]:
    return (runs[start : start + RUNS_AT_ONCE] for start in range(0, len(runs), RUNS_AT_ONCE))


def _remove(connection: Connection, runs: list[str]) -> int:
    with connection, connection.cursor() as cursor:
        for statement in OF_RUNS:
            cursor.execute(statement, (runs,))
        cursor.execute(EVENTS, (runs,))
        return cursor.rowcount


def _execute(cursor: Cursor, statement: str, values: dict[str, object]) -> int:
    cursor.execute(statement, values)
    return cursor.rowcount


def _remove_snapshots(cursor: Cursor, instance: DagsterInstance) -> int:
    """Those of jobs and plans that no run names; a job's part names the whole of it."""
    cursor.execute("SELECT DISTINCT snapshot_id FROM runs WHERE snapshot_id IS NOT NULL")
    named = {snapshot_id for (snapshot_id,) in cursor.fetchall()}
    for snapshot_id in list(named):
        named.add(whole_job(instance, snapshot_id))
    cursor.execute("SELECT run_body FROM runs")
    named |= {json.loads(body).get("execution_plan_snapshot_id") for (body,) in cursor.fetchall()}
    cursor.execute("DELETE FROM snapshots WHERE NOT snapshot_id = ANY(%s)", ([*filter(None, named)],))
    return cursor.rowcount


def vacuum(connection: Connection) -> int:
    """Give the room of removed rows to new ones; returns the bytes that the storage takes."""
    connection.autocommit = True
    with connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(f"VACUUM (ANALYZE) {table}")
        cursor.execute(SIZE, (list(TABLES),))
        (size,) = cursor.fetchone() or (0,)
        return int(size)


def metadata(pruned: Pruned) -> dict[str, dg.MetadataValue]:
    """What the asset shows of it."""
    return {
        "runs_removed": dg.MetadataValue.int(pruned.runs),
        "events_removed": dg.MetadataValue.int(pruned.events),
        "check_executions_removed": dg.MetadataValue.int(pruned.checks),
        "snapshots_removed": dg.MetadataValue.int(pruned.snapshots),
        "megabytes": dg.MetadataValue.float(round(pruned.size / 1e6, 1)),
    }
