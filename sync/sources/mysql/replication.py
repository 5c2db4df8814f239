"""What MySQL and MariaDB replicate from elsewhere: transactions that are open there show on no replica, and
what a replica applies need not be in its binlog.

The lag counts from the primary's time: what a replica shows is as old as that says. Who may see its status
(MySQL: REPLICATION CLIENT, MariaDB: SLAVE MONITOR) sees all its sources; PROCESS shows the applying threads.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pymysql
from pymysql.cursors import DictCursor

from sync.errors import RELOAD, SyncError
from sync.sources.base import Elsewhere
from sync.sources.mysql.clock import utc_now
from sync.sources.mysql.log_position import first_answer
from sync.spec import Table

STATUS = ("SHOW ALL SLAVES STATUS", "SHOW REPLICA STATUS", "SHOW SLAVE STATUS")
LAG = ("Seconds_Behind_Source", "Seconds_Behind_Master")
VARIABLES = (
    "log_replica_updates", "log_slave_updates", "wsrep_on", "group_replication_group_name",
    "innodb_read_only", "read_only", "gtid_slave_pos",
)  # fmt: skip
# MariaDB tells everybody how many of its replicas' threads run. A thread's time is its lag while it applies.
RUNNING = "SHOW GLOBAL STATUS WHERE variable_name = 'Slaves_running'"
THREADS = """
    SELECT SUM(state LIKE '%MASTER_DELAY%' OR (command = 'Slave_IO' AND state LIKE '%connecting%')),
        MAX(IF(command = 'Slave_IO' OR state LIKE '%has read all relay log%'
            OR state LIKE 'Waiting for work%', 0, time))
    FROM information_schema.processlist WHERE user = 'system user' AND command LIKE 'Slave%'
"""
REPLICA = "a replica"
UNTOLD = (
    "how old its rows are cannot be told: its replication stands still (START REPLICA there, or RESET"
    " REPLICA ALL where it is the primary now), or does not show this user how far it is (MariaDB: GRANT"
    " SLAVE MONITOR)"
)
LOST = (
    "what it applies is not in its own binlog (log_slave_updates=OFF, MariaDB's default), so that nothing of"
    " it would arrive: name the primary in the URL; or set log_slave_updates=ON there and reload its tables;"
    " or declare the strategy full or watermark; or, where it is the primary now, RESET REPLICA ALL there"
)


@dataclass(frozen=True)
class Replication(Elsewhere):
    """`logged` says whether what the server applies is in its own binlog."""

    logged: bool = True


def replication(connection: pymysql.Connection[Any]) -> Replication | None:
    """What a server replicates; None for a primary, and for a server that tells this user nothing of it."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW GLOBAL VARIABLES WHERE variable_name IN %s", (VARIABLES,))
        values: dict[str, str] = {name.lower(): value for name, value in cursor.fetchall()}
    logged = "OFF" not in (values.get("log_replica_updates"), values.get("log_slave_updates"))
    sources = first_answer(connection, *STATUS, cursor_class=DictCursor)  # None: it does not tell this user
    if sources:
        lags = [next((source[name] for name in LAG if name in source), None) for source in sources]
        known = [timedelta(seconds=int(lag)) for lag in lags if lag is not None]
        return Replication(REPLICA, max(known) if len(known) == len(lags) else None, UNTOLD, logged)
    if sources is None and _running(connection):
        return Replication(REPLICA, _threads_lag(connection), UNTOLD, logged)
    if sources is None and values.get("gtid_slave_pos") and values.get("read_only") != "OFF":
        return Replication(REPLICA, None, UNTOLD, logged)
    for kind, is_one in (
        ("a node of a Galera cluster", values.get("wsrep_on") == "ON"),
        ("a member of a replication group", bool(values.get("group_replication_group_name"))),
        ("a reader of a cluster", values.get("innodb_read_only") == "ON"),
    ):
        if is_one:
            return Replication(kind, timedelta(0), UNTOLD, logged)
    return None


def refuse_unlogged_replica(found: Replication | None, table: Table) -> None:
    """Raises `SyncError` where the log strategy would follow a binlog that lacks what the server applies."""
    if found and not found.logged:
        raise SyncError(f"{table.qualified}: the server is {found.kind}, and {LOST}. {RELOAD}")


def shown_at(connection: pymysql.Connection[Any]) -> datetime:
    """The moment that a server's rows show: its clock, set back by its lag where that is known."""
    now = utc_now(connection)
    found = replication(connection)
    return now - found.lag if found and found.lag else now


def _running(connection: pymysql.Connection[Any]) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(RUNNING)
        row = cursor.fetchone()
    return bool(row) and int(row[1]) > 0


def _threads_lag(connection: pymysql.Connection[Any]) -> timedelta | None:
    with connection.cursor() as cursor:
        cursor.execute(THREADS)  # without PROCESS it has no rows
        row = cursor.fetchone()
    untold, lag = row or (None, None)
    return None if untold is None or untold or lag is None else timedelta(seconds=int(lag))
