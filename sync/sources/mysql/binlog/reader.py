"""One read of the log: event by event, from a transaction's start to a bound."""

from __future__ import annotations

import zlib
from collections.abc import Callable

from sync.errors import SyncError
from sync.sources.mysql.binlog import events
from sync.sources.mysql.binlog.compression import transaction_payload
from sync.sources.mysql.binlog.events import CHECKSUM_BYTES, HEADER, HEADER_BYTES, Event, Gtid, Type
from sync.sources.mysql.binlog.position import RELOAD
from sync.sources.mysql.binlog.progress import Progress
from sync.sources.mysql.binlog.queries import Query, query
from sync.sources.mysql.binlog.row_events import (
    NO_TABLE,
    ROW_EVENTS,
    TABLE_ID_BYTES,
    read_row_event,
    table_id,
)
from sync.sources.mysql.binlog.tables import Followed, FollowedTables
from sync.sources.mysql.binlog.tagged import tagged_gtid
from sync.sources.mysql.binlog.xa import xa_name

IRRELEVANT = {
    Type.STOP, Type.INTVAR, Type.RAND, Type.USER_VAR, Type.BEGIN_LOAD_QUERY, Type.APPEND_BLOCK,
    Type.IGNORABLE, Type.ROWS_QUERY, Type.PREVIOUS_GTIDS, Type.TRANSACTION_CONTEXT, Type.VIEW_CHANGE,
    Type.ANNOTATE_ROWS, Type.BINLOG_CHECKPOINT, Type.MARIADB_GTID_LIST, Type.START_ENCRYPTION,
}  # fmt: skip
UNCHECKED = {int(Type.FORMAT_DESCRIPTION), int(Type.ROTATE)}  # they tell themselves about checksums
BEGINNINGS = (["BEGIN"], ["START", "TRANSACTION"])
ENDS = (["COMMIT"], ["ROLLBACK"])
XA_BEGINNINGS = (["XA", "START"], ["XA", "BEGIN"])
XA_ENDS = (["XA", "COMMIT"], ["XA", "ROLLBACK"])
LOAD_DATA_BYTES = 13  # of EXECUTE_LOAD_QUERY before what it has in common with QUERY


class LogReader:
    """Takes in events one by one. `progress` says where it stands, `full` that the limit of keys was reached,
    `rows` how many row changes of followed tables it has seen."""

    def __init__(self, tables: FollowedTables, progress: Progress, limit: int) -> None:
        self._tables = tables
        self._limit = limit
        self._checksum = CHECKSUM_BYTES
        self._followed: dict[bytes, list[Followed]] = {}  # by the number that the log gave a table
        self._payload: Event | None = None
        self._gtid: Gtid | None = None
        self._open = False  # a transaction has begun with its GTID
        self._inside = False  # more than one event belongs to it
        self._touched = False  # by rows of followed tables
        self._xa = ""  # the transaction's name, where it is one of XA
        self._repeated = 0  # keys that the tail names
        self.progress = progress
        self.full = False
        self.rows = 0

    def wanted(self, beginning: bytes) -> bool:
        """Whether an event of 16 MiB or more is worth keeping, asked with its beginning."""
        if beginning[events.TYPE] not in ROW_EVENTS:
            return True
        return bool(self._followed.get(table_id(beginning, 0), True))

    def take(self, event: Event) -> bool:
        """Take in one event; returns True when no more are needed.

        Raises `SyncError` for what cannot be followed.
        """
        data, start, end = event
        code = data[start + events.TYPE]
        if self._payload is None:
            self.progress.seen += end - start
        if self._checksum and code not in UNCHECKED and end - start > HEADER_BYTES:
            end -= CHECKSUM_BYTES
            if zlib.crc32(data[start:end]) != int.from_bytes(data[end : end + CHECKSUM_BYTES], "little"):
                raise SyncError(
                    f"{self.progress}: the checksum of an event is wrong; the log is damaged there"
                )
        if code in ROW_EVENTS:
            self._take_rows((data, start, end))
            return False
        handle = HANDLERS.get(code, LogReader._unknown)
        return handle(self, (data, start, end))

    def _take_rows(self, event: Event) -> None:
        data, start, end = event
        if end - start == HEADER_BYTES:  # the rest was not wanted
            self.progress.seen += HEADER.unpack_from(data, start)[3] - HEADER_BYTES
            return
        number = table_id(data, start)
        followed = self._followed.get(number)
        if not followed:
            if followed is None and number != NO_TABLE:
                raise SyncError(f"{self.progress}: a row event belongs to no table that the log described")
            return
        self._touched = True
        self.rows += read_row_event(event, followed)

    def _table_map(self, event: Event) -> bool:
        data, start, end = event
        body = start + HEADER_BYTES + TABLE_ID_BYTES
        self._followed[table_id(data, start)] = self._tables.described(data[body:end])
        if self._xa:
            self._tables.xa_touched(self._xa, data[body:end])
        return False

    def _mysql_gtid(self, event: Event) -> bool:
        return self._begin(event, events.mysql_gtid(event))

    def _tagged_gtid(self, event: Event) -> bool:
        return self._begin(event, tagged_gtid(event))

    def _anonymous(self, event: Event) -> bool:
        return self._begin(event, None)

    def _mariadb_gtid(self, event: Event) -> bool:
        gtid = events.mariadb_gtid(event)
        stop = self._begin(event, gtid)
        self._inside = not gtid.standalone
        if name := events.mariadb_prepares(event):
            self._begin_xa(name)
        return stop

    def _begin(self, event: Event, gtid: Gtid | None) -> bool:
        if not self.progress.begin(event, gtid):
            return True
        self._tables.repeating = self.progress.repeating
        self._gtid = gtid
        self._open, self._inside, self._touched, self._xa = True, False, False, ""
        return False

    def _begin_xa(self, name: str) -> None:
        self._xa = name
        self._tables.xa.begin(name)

    def _transaction(self, event: Event) -> bool:
        """A whole transaction in one event."""
        self._payload, checksum, self._checksum = event, self._checksum, 0
        stop = any(self.take(inner) for inner in transaction_payload(event))
        self._payload, self._checksum = None, checksum
        return stop

    def _xa_prepare(self, event: Event) -> bool:
        """A first byte of 1: prepared and committed at once."""
        if event[0][event[1] + HEADER_BYTES] == 1:
            self._tables.xa.end(self._xa)
        elif self._touched:
            self._tables.xa_prepared(self._xa)
        return self._end(event)

    def _query(self, event: Event) -> bool:
        data, _, end = event
        if data[end - 6 : end] == b"\0BEGIN":
            self._inside = True
            return False
        return self._statement(event, query(event))

    def _query_compressed(self, event: Event) -> bool:
        return self._statement(event, query(event, compressed=True))

    def _load_data(self, event: Event) -> bool:
        return self._statement(event, query(event, ahead=LOAD_DATA_BYTES))

    def _statement(self, event: Event, statement: Query) -> bool:
        words = statement.text.strip(" ;").upper().split(maxsplit=2)[:2]
        if words in BEGINNINGS:
            self._inside = True
            return False
        if words in XA_BEGINNINGS:
            self._inside = True
            self._begin_xa(xa_name(statement.text))
            return False
        if words in XA_ENDS:
            self._tables.xa_ended(statement, committed=words[1] == "COMMIT")
            return self._end(event)
        if words in ENDS:
            return self._end(event)
        self._tables.statement(statement, alone=not self._inside)
        return not self._inside and self._end(event)

    def _end(self, event: Event) -> bool:
        self._open = self._inside = False
        reached = self.progress.end(self._payload or event, self._gtid)
        if self._tables.repeating:  # what the tail repeats is no progress, however much it is
            self._repeated = self._tables.count()
        else:
            self.full = self._touched and self._tables.count() - self._repeated >= self._limit
        return reached or self.full

    def _between(self, event: Event) -> bool:
        """An event that says nothing about tables; outside of a transaction the position moves past it."""
        return not self._open and self.progress.advance(event)

    def _heartbeat(self, event: Event) -> bool:
        self.progress.seen -= HEADER.unpack_from(event[0], event[1])[3]  # it is not in the log
        return False

    def _format(self, event: Event) -> bool:
        self._checksum = events.checksum_bytes(event)
        return self._between(event)

    def _rotate(self, event: Event) -> bool:
        """Also an artificial one begins each file, which may come before a FORMAT_DESCRIPTION tells whether
        there are checksums; it is the checksum itself that tells."""
        data, start, end = event
        tail = end - CHECKSUM_BYTES
        if zlib.crc32(data[start:tail]) == int.from_bytes(data[tail:end], "little"):
            end = tail
        return self.progress.rotate(*events.rotate((data, start, end)))

    def _incident(self, event: Event) -> bool:
        raise SyncError(
            f"{self.progress}: the server reports an incident: its log may lack changes. {RELOAD}"
        )

    def _unknown(self, event: Event) -> bool:
        _, code, _, _, _, flags = HEADER.unpack_from(event[0], event[1])
        if flags & events.IGNORABLE:
            return self._between(event)
        raise SyncError(
            f"{self.progress}: the event {events.type_name(code)} is not known to this reader; declare"
            f" another strategy for the tables of this source"
        )


HANDLERS: dict[int, Callable[[LogReader, Event], bool]] = {
    **dict.fromkeys(map(int, IRRELEVANT), LogReader._between),
    int(Type.TABLE_MAP): LogReader._table_map,
    int(Type.GTID): LogReader._mysql_gtid,
    int(Type.GTID_TAGGED): LogReader._tagged_gtid,
    int(Type.ANONYMOUS_GTID): LogReader._anonymous,
    int(Type.MARIADB_GTID): LogReader._mariadb_gtid,
    int(Type.TRANSACTION_PAYLOAD): LogReader._transaction,
    int(Type.XID): LogReader._end,
    int(Type.XA_PREPARE): LogReader._xa_prepare,
    int(Type.QUERY): LogReader._query,
    int(Type.QUERY_COMPRESSED): LogReader._query_compressed,
    int(Type.EXECUTE_LOAD_QUERY): LogReader._load_data,
    int(Type.HEARTBEAT): LogReader._heartbeat,
    int(Type.HEARTBEAT_V2): LogReader._heartbeat,
    int(Type.FORMAT_DESCRIPTION): LogReader._format,
    int(Type.ROTATE): LogReader._rotate,
    int(Type.INCIDENT): LogReader._incident,
}
