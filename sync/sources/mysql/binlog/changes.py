"""Which keys of which tables changed between two positions of a server's log."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import pymysql

from sync.connections.mysql import mysql_errors
from sync.connections.urls import DatabaseUrl
from sync.errors import SyncError
from sync.sources.mysql.binlog.cascades import refuse_cascades
from sync.sources.mysql.binlog.dump import FIRST_EVENT, LARGEST_OFFSET, dump_file, dump_gtids
from sync.sources.mysql.binlog.gtids import MariaDBGtids, MySQLGtids
from sync.sources.mysql.binlog.packets import events
from sync.sources.mysql.binlog.position import RELOAD, BinlogPosition, Witness
from sync.sources.mysql.binlog.progress import NotSentYet, Progress, StartMismatch
from sync.sources.mysql.binlog.reader import LogReader
from sync.sources.mysql.binlog.server import AHEAD, Server, refusal, refused
from sync.sources.mysql.binlog.tables import FollowedTables, Statement
from sync.sources.mysql.binlog.touched import TouchedKeys
from sync.sources.mysql.binlog.witness import verify, witness
from sync.sources.mysql.session import connect
from sync.spec import Table

SILENCE_SECONDS = 60  # the server sends heartbeats when it has nothing else to say
FLUSH_SECONDS, FLUSHES = 0.05, 100  # how long MySQL may take to flush what it has written to its log


@dataclass(frozen=True)
class Changes:
    """What the log says up to `position`, which is a transaction's end and the start of the next read.

    `keys` has the distinct keys of each table, those of deleted rows among them; `statements` what happened
    to the tables apart from rows, in the log's order. `complete` is False where a limit ended the read before
    the bound. `rows` counts row changes of followed tables, `transactions` all; `committed_at` is
    when the last of these was committed, by the source's clock and to the second.
    """

    keys: dict[Table, TouchedKeys]
    statements: list[Statement]
    position: BinlogPosition
    complete: bool
    rows: int
    transactions: int
    committed_at: datetime | None


def read_changes(
    url: DatabaseUrl,
    tables: Sequence[Table],
    start: BinlogPosition,
    bound: BinlogPosition,
    limit: int,
    seconds: float = math.inf,
) -> Changes:
    """Read the log of the server at `url` from `start` to `bound`, never past it.

    Who reads the rows of the keys, too, takes the bound that belongs to his snapshot
    (`binlog_position.open_snapshot`). The read ends early after the transaction with which the tables have
    `limit` distinct keys together, or the first one that ends after so many `seconds`. The user needs
    REPLICATION SLAVE, and SELECT on the tables.

    Raises `TransientError` when the server goes away, and `SyncError` with the way out when the log does not
    lead from `start` to `bound`, or holds something that cannot be followed.
    """
    for _ in range(FLUSHES):
        try:
            return _read_once(url, tables, start, bound, limit, seconds)
        except NotSentYet as error:
            unsent = error
            time.sleep(FLUSH_SECONDS)
    raise unsent


def _read_once(
    url: DatabaseUrl,
    tables: Sequence[Table],
    start: BinlogPosition,
    bound: BinlogPosition,
    limit: int,
    seconds: float,
) -> Changes:
    with mysql_errors(str(url)):
        with closing(_connect(url)) as connection:
            server = Server.ask(connection)
            by_file = _by_file(server, start, bound)
            verify(lambda: _connect(url), server, start, bound)
            if _nothing_between(server, start, bound):
                return Changes({table: TouchedKeys(table) for table in tables}, [], start, True, 0, 0, None)
            if not server.logs_cascades:
                refuse_cascades(connection, tables)
            read = _Read(url, server, tables, start, bound, limit, time.monotonic() + seconds)
            if not by_file:
                return read.by_gtids(connection)
            try:
                return read.by_file(connection)
            except (StartMismatch, _Refused) as error:
                if isinstance(error, _Ahead) or not _knows_gtids(server, start):
                    raise
        with closing(_connect(url)) as connection:
            return read.by_gtids(connection)


def _connect(url: DatabaseUrl) -> pymysql.Connection[Any]:
    return connect(url, autocommit=True, read_timeout=SILENCE_SECONDS)


class _Refused(SyncError):
    """The server does not send its log from a position."""


class _Ahead(_Refused):
    """The log ends before a position that it once had: its numbers may have been used again since."""


def _nothing_between(server: Server, start: BinlogPosition, bound: BinlogPosition) -> bool:
    """Whether the log need not be read at all, since the bound is where the last read ended."""
    if not server.mariadb:
        return server.gtids is not None and not MySQLGtids(start.gtids).missing(bound.gtids)
    return start.server == server.identity and start.order == bound.order


def _knows_gtids(server: Server, start: BinlogPosition) -> bool:
    """An empty set of MySQL's is one too, where a status says so: then nothing was executed."""
    of_mysql_s_status = not (server.mariadb or start.server)
    return server.gtids is not None and (bool(start.gtids) or of_mysql_s_status)


def _by_file(server: Server, start: BinlogPosition, bound: BinlogPosition) -> bool:
    """Whether to enter the log by file and offset.

    Raises `SyncError` where neither these nor GTIDs can find the start in this server's log.
    """
    if _knows_gtids(server, start):
        executed = (MariaDBGtids if server.mariadb else MySQLGtids)(server.gtids or "")
        if missing := executed.missing(start.gtids):
            raise refused(str(start), f"transactions {missing} are not in its log", AHEAD)
        return start.server == server.identity and bool(start.file)
    if start.server not in ("", server.identity):
        raise SyncError(
            f"binlog position {start} is one of another server than {server.identity}, and means nothing here"
            f" without GTIDs. {RELOAD}"
        )
    if start.order > bound.order:
        raise refused(str(start), f"its log stands at {bound}", AHEAD)
    return True


@dataclass(frozen=True)
class _Read:
    url: DatabaseUrl
    server: Server
    tables: Sequence[Table]
    start: BinlogPosition
    bound: BinlogPosition
    limit: int
    deadline: float

    def by_file(self, connection: pymysql.Connection[Any]) -> Changes:
        first = self.start.tail
        if first is None:  # without GTIDs anything in this file may have been on its way
            first = FIRST_EVENT if self.server.gtids is None else self.start.offset
        if first > LARGEST_OFFSET:
            raise _Refused(
                f"binlog position {self.start} lies beyond 4 GiB, where no read can begin. {RELOAD}"
            )
        dump_file(connection, self.server, self.start.file, first)
        return self._read(connection, first, proven=False)

    def by_gtids(self, connection: pymysql.Connection[Any]) -> Changes:
        dump_gtids(connection, self.server, self.start.gtids)
        return self._read(connection, self.start.offset, proven=True)

    def _read(self, connection: pymysql.Connection[Any], first: int, proven: bool) -> Changes:
        followed = FollowedTables(self.tables, self.server, lambda: _connect(self.url), self.start.prepared)
        progress = Progress(self.server, self.start, self.bound, first, proven)
        reader = LogReader(followed, progress, self.limit)
        ended, late = 0, False
        try:
            for event in events(connection, reader.wanted):
                if reader.take(event):
                    break
                if progress.transactions != ended and not progress.repeating:
                    ended = progress.transactions
                    if late := time.monotonic() > self.deadline:
                        break
            else:
                progress.log_ended()
        except pymysql.err.MySQLError as error:
            reason = refusal(error)
            if reason is None:
                raise
            kind = _Ahead if reason == AHEAD else _Refused
            raise kind(str(refused(str(self.start), str(error.args[-1]), reason))) from error
        finally:
            followed.close()
            connection._force_close()  # type: ignore[attr-defined]  # the stream may not be at its end
        position = progress.position
        return Changes(
            followed.keys, followed.statements,
            replace(position, prepared=followed.xa.known, witnesses=self._witnesses(position.file)),
            not (reader.full or late), reader.rows,
            progress.transactions, progress.committed_at,
        )  # fmt: skip

    def _witnesses(self, file: str) -> tuple[Witness, ...]:
        """What the file began with in which the read ended."""
        for known in (*self.bound.witnesses, *self.start.witnesses):
            if (known.server, known.file) == (self.server.identity, file):
                return (known,)
        found = witness(lambda: _connect(self.url), self.server, file)
        return (found,) if found else ()
