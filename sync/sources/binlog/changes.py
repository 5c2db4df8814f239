"""Which keys of which tables changed between two positions of a server's log."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime

import pymysql

from sync.connections import connect_mysql, mysql_errors
from sync.errors import SyncError
from sync.sources.binlog.dump import LARGEST_OFFSET, dump_file, dump_gtids
from sync.sources.binlog.gtids import MariaDBGtids, MySQLGtids
from sync.sources.binlog.packets import events
from sync.sources.binlog.position import RELOAD, Position
from sync.sources.binlog.reader import LogReader, StartMismatch
from sync.sources.binlog.server import AHEAD, Server, refusal, refused
from sync.sources.binlog.tables import FollowedTables, Statement
from sync.sources.binlog.touched import TouchedKeys
from sync.spec import Table
from sync.urls import DatabaseUrl

SILENCE_SECONDS = 60  # the server sends heartbeats when it has nothing else to say


@dataclass(frozen=True)
class Changes:
    """What the log says up to `position`, which is a transaction's end and the start of the next read.

    `keys` has the distinct keys of each table, those of deleted rows among them; `statements` what happened
    to the tables apart from rows, in the log's order. `complete` is False where the limit of keys ended the
    read before the bound. `rows` counts row changes of followed tables, `transactions` all; `committed_at` is
    when the last of these was committed, by the source's clock and to the second.
    """

    keys: dict[Table, TouchedKeys]
    statements: list[Statement]
    position: Position
    complete: bool
    rows: int
    transactions: int
    committed_at: datetime | None


def read_changes(
    url: DatabaseUrl, tables: Sequence[Table], start: Position, bound: Position, limit: int
) -> Changes:
    """Read the log of the server at `url` from `start` to `bound`, never past it.

    The bound belongs to a snapshot of the same server (`binlog_position.open_snapshot`). After the
    transaction with which the tables have `limit` distinct keys together the read ends early. The user needs
    REPLICATION SLAVE, and SELECT on the tables.

    Raises `TransientError` when the server goes away, and `SyncError` with the way out when the log does not
    lead from `start` to `bound`, or holds something that cannot be followed.
    """
    with mysql_errors(str(url)), closing(connect_mysql(url, autocommit=True)) as connection:
        server = Server.ask(connection)
    if _nothing_between(server, start, bound):
        return Changes({table: TouchedKeys(table) for table in tables}, [], start, True, 0, 0, None)
    _check(server, start)
    gtids_known = bool(start.gtids) and server.gtids is not None
    if start.file and start.offset <= LARGEST_OFFSET and (start.server == server.identity or not gtids_known):
        if start.server not in ("", server.identity):
            raise SyncError(
                f"binlog position {start} is one of another server than {server.identity}, and means nothing"
                f" here without GTIDs. {RELOAD}"
            )
        try:
            return _read(url, server, tables, start, bound, limit, by_gtids=False)
        except (StartMismatch, _Refused):
            if not gtids_known:
                raise
    return _read(url, server, tables, start, bound, limit, by_gtids=True)


class _Refused(SyncError):
    """The server does not send its log from a position."""


def _nothing_between(server: Server, start: Position, bound: Position) -> bool:
    """Whether the log need not be read at all, since the bound is not ahead of the start."""
    if not server.mariadb and server.gtids is not None:
        return not MySQLGtids(start.gtids).missing(bound.gtids)
    return start.server == server.identity and start.order >= bound.order


def _check(server: Server, start: Position) -> None:
    if server.gtids is None or not start.gtids:
        return
    executed = (MariaDBGtids if server.mariadb else MySQLGtids)(server.gtids)
    if missing := executed.missing(start.gtids):
        raise refused(str(start), f"its log does not hold {missing}", AHEAD)


def _read(
    url: DatabaseUrl,
    server: Server,
    tables: Sequence[Table],
    start: Position,
    bound: Position,
    limit: int,
    by_gtids: bool,
) -> Changes:
    followed = FollowedTables(tables, server.fold_names, lambda: connect_mysql(url, autocommit=True))
    reader = LogReader(server, followed, start, bound, limit, proven=by_gtids)
    with (
        closing(followed),
        mysql_errors(str(url)),
        closing(connect_mysql(url, autocommit=True, read_timeout=SILENCE_SECONDS)) as connection,
    ):
        try:
            if by_gtids:
                dump_gtids(connection, server, start.gtids)
            else:
                dump_file(connection, server, start.file, start.offset)
            for event in events(connection, reader.wanted):
                if reader.take(event):
                    break
            else:
                reader.ended()
        except pymysql.err.MySQLError as error:
            reason = refusal(error)
            if reason is None:
                raise
            raise _Refused(str(refused(str(start), str(error.args[-1]), reason))) from error
        finally:
            with suppress(OSError):
                connection._force_close()  # type: ignore[attr-defined]  # in the middle of the stream
    return Changes(
        followed.keys, followed.statements, reader.position, not reader.full, reader.rows,
        reader.transactions, reader.committed_at,
    )  # fmt: skip
