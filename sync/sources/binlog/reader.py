"""One read of the log: event by event, from a transaction's start to a bound."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from datetime import UTC, datetime

from sync.errors import SyncError
from sync.sources.binlog import events
from sync.sources.binlog.compression import transaction_payload
from sync.sources.binlog.events import ARTIFICIAL, CHECKSUM_BYTES, HEADER, HEADER_BYTES, Event, Gtid, Type
from sync.sources.binlog.gtids import Gtids, MariaDBGtids, MySQLGtids
from sync.sources.binlog.position import RELOAD, Position, file_number
from sync.sources.binlog.queries import Query, query
from sync.sources.binlog.row_events import (
    NO_TABLE,
    ROW_EVENTS,
    TABLE_ID_BYTES,
    read_row_event,
    table_id,
)
from sync.sources.binlog.server import Server
from sync.sources.binlog.tables import Followed, FollowedTables
from sync.sources.binlog.tagged import tagged_gtid

IRRELEVANT = {
    Type.STOP, Type.INTVAR, Type.RAND, Type.USER_VAR, Type.BEGIN_LOAD_QUERY, Type.APPEND_BLOCK,
    Type.IGNORABLE, Type.ROWS_QUERY, Type.PREVIOUS_GTIDS, Type.TRANSACTION_CONTEXT, Type.VIEW_CHANGE,
    Type.ANNOTATE_ROWS, Type.BINLOG_CHECKPOINT, Type.MARIADB_GTID_LIST, Type.START_ENCRYPTION,
}  # fmt: skip
LOAD_DATA_BYTES = 13  # of EXECUTE_LOAD_QUERY before what it has in common with QUERY


class StartMismatch(SyncError):
    """The first transaction after file and offset is not the one after the position's GTIDs."""


class LogReader:
    """Takes in events and knows where it stands.

    It stops before the first transaction that is not before the bound: on MySQL with GTIDs one that is not
    in the bound's set, else one that begins at or after its file and offset. `proven` says that the server
    found the start by its GTIDs; else the first transaction must be the next one.
    """

    def __init__(
        self,
        server: Server,
        tables: FollowedTables,
        start: Position,
        bound: Position,
        limit: int,
        proven: bool,
    ) -> None:
        self._server = server
        self._tables = tables
        self._bound = bound
        self._limit = limit
        gtids: type[MySQLGtids] | type[MariaDBGtids] = MariaDBGtids if server.mariadb else MySQLGtids
        self._gtids: Gtids = gtids(start.gtids)
        self._allowed = MySQLGtids(bound.gtids) if server.gtids is not None and not server.mariadb else None
        self._file, self._offset = start.file, start.offset
        self._seen = 0  # bytes of the log since there
        self._checksum = CHECKSUM_BYTES
        self._followed: dict[bytes, list[Followed]] = {}
        self._unproven = None if proven else gtids(start.gtids)
        self._payload: Event | None = None
        self._gtid: Gtid | None = None
        self._open = False  # a transaction has begun with its GTID
        self._inside = False  # more than one event belongs to it
        self._touched = False  # by rows of followed tables
        self.full = False
        self.rows = self.transactions = 0
        self.committed_at: datetime | None = None

    @property
    def position(self) -> Position:
        """After the last transaction that was taken in."""
        return Position(self._file, self._offset, str(self._gtids), self._server.identity)

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
        self._seen += end - start
        if (
            self._checksum
            and code not in (Type.FORMAT_DESCRIPTION, Type.ROTATE)
            and end - start > HEADER_BYTES
        ):
            end -= CHECKSUM_BYTES
            if zlib.crc32(data[start:end]) != int.from_bytes(data[end : end + CHECKSUM_BYTES], "little"):
                raise SyncError(
                    f"{self._place()}: the checksum of an event is wrong; the log is damaged there"
                )
        if code in ROW_EVENTS:
            self._take_rows((data, start, end))
            return False
        handle = HANDLERS.get(code, LogReader._unknown)
        return handle(self, (data, start, end))

    def ended(self) -> None:
        """The server has no more. Raises `SyncError` when the bound is not behind us then."""
        if missing := self._gtids.missing(self._bound.gtids):
            raise SyncError(
                f"{self._place()}: the log ends without the transactions {missing}, which the server"
                f" executed: they were not logged. {RELOAD}"
            )
        if self._allowed is None and self._order() < self._bound.order:
            if not self._bound.gtids:
                raise SyncError(f"{self._place()}: the log ends there, before {self._bound}")
            self._file, self._offset = self._bound.file, self._bound.offset

    def _take_rows(self, event: Event) -> None:
        data, start, end = event
        if end - start == HEADER_BYTES:  # the rest was not wanted
            self._seen += HEADER.unpack_from(data, start)[3] - HEADER_BYTES
            return
        number = table_id(data, start)
        followed = self._followed.get(number)
        if not followed:
            if followed is None and number != NO_TABLE:
                raise SyncError(f"{self._place()}: a row event belongs to no table that the log described")
            return
        self._touched = True
        self.rows += read_row_event(event, followed)

    def _table_map(self, event: Event) -> bool:
        data, start, end = event
        body = start + HEADER_BYTES + TABLE_ID_BYTES
        self._followed[table_id(data, start)] = self._tables.described(data[body:end])
        return False

    def _mysql_gtid(self, event: Event) -> bool:
        tagged = event[0][event[1] + events.TYPE] == Type.GTID_TAGGED
        gtid = tagged_gtid(event) if tagged else events.mysql_gtid(event)
        return self._begin(event, gtid, not self._allowed or self._allowed.holds(gtid.source, gtid.number))

    def _anonymous(self, event: Event) -> bool:
        return self._begin(event, None, True)

    def _mariadb_gtid(self, event: Event) -> bool:
        gtid = events.mariadb_gtid(event)
        stop = self._begin(event, gtid, True)
        self._inside = not gtid.standalone
        return stop

    def _begin(self, event: Event, gtid: Gtid | None, allowed: bool) -> bool:
        header = HEADER.unpack_from(event[0], event[1])
        self._offset = self._end_of(header[4]) - header[3]  # the server may have left out what we have
        self._seen = header[3]
        if not allowed or (self._allowed is None and self._order() >= self._bound.order):
            return True
        if gtid and self._unproven is not None:
            self._prove(gtid, self._unproven)
        self._gtid = gtid
        self._open, self._inside, self._touched = True, False, False
        return False

    def _prove(self, gtid: Gtid, before: Gtids) -> None:
        """The first transaction of a domain must be the next one; MySQL's just a new one."""
        fits = before.follows(gtid.source, gtid.number)
        if not fits:
            raise StartMismatch(
                f"{self._place()}: transaction {gtid.source}:{gtid.number} does not come after {before}"
            )
        before.add(gtid.source, gtid.number)

    def _transaction(self, event: Event) -> bool:
        """A whole transaction in one event."""
        self._payload, checksum, seen = event, self._checksum, self._seen
        self._checksum = 0
        stop = False
        for inner in transaction_payload(event):
            stop = self.take(inner)
            if stop:
                break
            self._seen = seen
        self._payload, self._checksum = None, checksum
        return stop

    def _xid(self, event: Event) -> bool:
        return self._end(event)

    def _xa_prepare(self, event: Event) -> bool:
        """A first byte of 1: prepared and committed at once."""
        if self._touched and event[0][event[1] + HEADER_BYTES] != 1:
            raise SyncError(
                f"{self._place()}: a prepared XA transaction changed followed tables; its rows are in the log"
                f" before they are committed, which this reader cannot follow. Use the watermark strategy"
            )
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
        if words in (["BEGIN"], ["START", "TRANSACTION"], ["XA", "START"], ["XA", "BEGIN"]):
            self._inside = True
            return False
        if words in (["COMMIT"], ["ROLLBACK"], ["XA", "COMMIT"], ["XA", "ROLLBACK"]):
            return self._end(event)
        self._tables.statement(statement)
        return not self._inside and self._end(event)

    def _end(self, event: Event) -> bool:
        event = self._payload or event
        if self._gtid is not None:
            self._gtids.add(self._gtid.source, self._gtid.number)
        self._open = self._inside = False
        self.transactions += 1
        self.committed_at = datetime.fromtimestamp(HEADER.unpack_from(event[0], event[1])[0], UTC)
        self.full = self._touched and self._tables.count() >= self._limit
        reached = self._advance(event)
        if self._allowed is None and self._order() > self._bound.order:
            raise SyncError(f"{self._place()}: a transaction ends there, beyond the bound {self._bound}")
        return reached or self.full

    def _between(self, event: Event) -> bool:
        """An event that says nothing about tables; outside of a transaction the position moves past it."""
        return not self._open and self._advance(event)

    def _heartbeat(self, event: Event) -> bool:
        self._seen -= HEADER.unpack_from(event[0], event[1])[3]
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
        self._file, self._offset = events.rotate((data, start, end))
        self._seen = 0
        return self._at_bound()

    def _incident(self, event: Event) -> bool:
        raise SyncError(
            f"{self._place()}: the server reports an incident: its log may lack changes. {RELOAD}"
        )

    def _unknown(self, event: Event) -> bool:
        _, code, _, _, _, flags = HEADER.unpack_from(event[0], event[1])
        if flags & events.IGNORABLE:
            return self._between(event)
        raise SyncError(
            f"{self._place()}: the event {events.type_name(code)} is not known to this reader; declare"
            f" another strategy for the tables of this source"
        )

    def _advance(self, event: Event) -> bool:
        """All up to the end of this event was read; returns whether that is the bound."""
        _, _, _, _, end, flags = HEADER.unpack_from(event[0], event[1])
        if end and not flags & ARTIFICIAL:
            self._offset = self._end_of(end)
        self._seen = 0
        return self._at_bound()

    def _at_bound(self) -> bool:
        return self._allowed is None and self._order() >= self._bound.order

    def _end_of(self, low: int) -> int:
        """An offset whose lower 32 bits an event tells: a transaction can be longer than those can say."""
        expected = self._offset + self._seen
        half = 1 << 31
        return expected + ((low - expected + half) % (1 << 32)) - half

    def _order(self) -> tuple[int, int]:
        return file_number(self._file), self._offset

    def _place(self) -> str:
        return f"binlog {self._file} from {self._offset}"


HANDLERS: dict[int, Callable[[LogReader, Event], bool]] = {
    **dict.fromkeys(map(int, IRRELEVANT), LogReader._between),
    int(Type.TABLE_MAP): LogReader._table_map,
    int(Type.GTID): LogReader._mysql_gtid,
    int(Type.GTID_TAGGED): LogReader._mysql_gtid,
    int(Type.ANONYMOUS_GTID): LogReader._anonymous,
    int(Type.MARIADB_GTID): LogReader._mariadb_gtid,
    int(Type.TRANSACTION_PAYLOAD): LogReader._transaction,
    int(Type.XID): LogReader._xid,
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
