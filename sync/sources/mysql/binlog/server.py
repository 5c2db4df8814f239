"""What kind of server writes the log, how it writes it, and what its refusals mean."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import pymysql

from sync.errors import SyncError, TransientError
from sync.sources.mysql.binlog.position import RELOAD

SETTINGS = (
    "log_bin", "binlog_format", "server_id", "server_uuid", "server_uid", "gtid_mode", "gtid_executed",
    "gtid_binlog_pos", "lower_case_table_names", "binlog_row_metadata",
    "innodb_native_foreign_keys", "max_connections", "replica_parallel_workers", "slave_parallel_workers",
    "binlog_order_commits",
)  # fmt: skip
OTHER_THREADS = 64  # that may commit: of scheduled events, administrators over the limit
ER_MASTER_FATAL_ERROR_READING_BINLOG = 1236
# What a server says when it cannot send the log from a position: our word for it, the words it may use.
PURGED, AHEAD, REPLACED = "purged", "ahead", "replaced"
REFUSALS = (
    (PURGED, r"could not find first log|purged|state is too old|could not find gtid state"),
    (AHEAD, r"> file size|impossible position|not in the (master|source)'s binlog|more gtids than"),
    (REPLACED, r"same server_(uu)?id"),
)
EXPLANATIONS = {
    PURGED: "the server no longer has the log from there on (binlog_expire_logs_seconds is too short for"
    " the pause between two passes)",
    AHEAD: "its log ends before that: it lost transactions in a crash, was restored, or is another server",
}


@dataclass(frozen=True)
class Server:
    """`identity` tells it from other servers. `gtids` are the transactions in its log, None without GTIDs.
    `in_flight` is how many transactions at the log's end may not be committed yet, where GTIDs do not tell.
    `names_columns` says that the log names the tables' columns, `logs_cascades` that it has the rows which
    foreign keys change, `fold_names` that tables' names have no case.
    """

    mariadb: bool
    identity: str
    gtids: str | None
    in_flight: int
    names_columns: bool
    logs_cascades: bool
    fold_names: bool

    @classmethod
    def ask(cls, connection: pymysql.Connection[Any]) -> Server:
        """Raises `SyncError` when the server writes no binlog, or statements in place of rows."""
        with connection.cursor() as cursor:
            cursor.execute("SHOW GLOBAL VARIABLES WHERE variable_name IN %s", (SETTINGS,))
            values: dict[str, str] = dict(cursor.fetchall())
            cursor.execute("SELECT version()")
            row = cursor.fetchone()
        mariadb = "mariadb" in str(row[0] if row else "").lower()
        if values.get("log_bin") != "ON":
            raise SyncError("the server writes no binlog; start it with log_bin and binlog_format=ROW")
        if values.get("binlog_format", "ROW") != "ROW":
            raise SyncError(
                f"binlog_format is {values['binlog_format']}: the log would not name the rows; SET GLOBAL"
                f" binlog_format = ROW, and in the server's configuration, then reload the tables"
            )
        executed = values.get("gtid_binlog_pos" if mariadb else "gtid_executed", "").replace("\n", "")
        gtids = executed if mariadb or values.get("gtid_mode") == "ON" else None
        if gtids is None and values.get("binlog_order_commits") == "OFF":
            raise SyncError(
                "gtid_mode and binlog_order_commits are both off: nothing tells which transactions of the log"
                " are committed; set gtid_mode = ON, or binlog_order_commits = ON"
            )
        workers = values.get("replica_parallel_workers") or values.get("slave_parallel_workers") or "0"
        return cls(
            mariadb=mariadb,
            identity=values.get("server_uuid") or values.get("server_uid") or values["server_id"],
            gtids=gtids,
            in_flight=int(values.get("max_connections", "0")) + int(workers) + OTHER_THREADS,
            names_columns=values.get("binlog_row_metadata") == "FULL",
            logs_cascades=values.get("innodb_native_foreign_keys") == "OFF",
            fold_names=values.get("lower_case_table_names", "0") != "0",
        )


def refusal(error: pymysql.err.MySQLError) -> str | None:
    """Why the server will not send its log from a position: PURGED, AHEAD, "" for another reason that it
    gives. None for an error that says nothing about the position."""
    if not isinstance(error, pymysql.err.MySQLError) or error.args[:1] != (
        ER_MASTER_FATAL_ERROR_READING_BINLOG,
    ):
        return None
    said = str(error.args[-1]).lower()
    found = next((reason for reason, words in REFUSALS if re.search(words, said)), "")
    if found == REPLACED:
        raise TransientError(f"another replica has our server id: {error.args[-1]}") from error
    return found


def refused(position: str, said: str, reason: str) -> SyncError:
    """The error for a position that the log cannot be read from."""
    explanation = EXPLANATIONS.get(reason, "the log cannot be read from there")
    said = said.rstrip(".")
    return SyncError(f"binlog position {position}: {explanation}; the server says: {said}. {RELOAD}")
