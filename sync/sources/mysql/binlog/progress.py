"""Where a read stands in the log, and whether that is its bound."""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime

from sync.errors import SyncError, TransientError
from sync.sources.mysql.binlog.events import ARTIFICIAL, HEADER, Event, Gtid
from sync.sources.mysql.binlog.gtids import Gtids, MariaDBGtids, MySQLGtids
from sync.sources.mysql.binlog.position import RELOAD, BinlogPosition, file_number
from sync.sources.mysql.binlog.server import AHEAD, Server, refused

HALF = 1 << 31  # of the offsets that an event can tell


class NotSentYet(TransientError):
    """The server does not send its log up to where it says that it ends: MySQL shows what it has written, and
    sends what it has flushed to the disk."""


class StartMismatch(SyncError):
    """The first transaction after file and offset is not the one after the position's GTIDs."""


class Progress:
    """The read's position: file and offset after the last event outside of a transaction, and the GTIDs.

    The bound is reached before the first transaction that is not before it: on MySQL with GTIDs one that is
    not in the bound's set, else one that begins at or after its file and offset. `proven` says that the
    server found the start by its GTIDs; else the first transactions must be the next ones. `first` is the
    offset that the read begins at.
    """

    def __init__(
        self, server: Server, start: BinlogPosition, bound: BinlogPosition, first: int, proven: bool
    ) -> None:
        kind: type[MySQLGtids] | type[MariaDBGtids] = MariaDBGtids if server.mariadb else MySQLGtids
        by_set = server.gtids is not None and not server.mariadb
        self._server = server
        self._bound = bound
        self._bound_order = bound.order
        self._allowed = kind(bound.gtids) if by_set else None
        self._gtids: Gtids = kind(start.gtids)
        self._unproven: Gtids | None = None if proven else kind(start.gtids)
        self._file, self._offset = start.file, first
        self._number = file_number(start.file) if start.file else 0
        self._tail = deque([first], server.in_flight + 1) if server.gtids is None else None
        self._start = start
        self._start_order = (0, 0) if proven else start.order
        self._seconds = 0
        self.seen = 0  # bytes of the log since the position
        self.transactions = 0

    @property
    def position(self) -> BinlogPosition:
        tail = self._tail[0] if self._tail is not None else None
        return BinlogPosition(self._file, self._offset, str(self._gtids), self._server.identity, tail)

    @property
    def repeating(self) -> bool:
        """Whether the read is still before its start, in the tail."""
        return (self._number, self._offset) < self._start_order

    @property
    def committed_at(self) -> datetime | None:
        """When the last transaction was committed."""
        return datetime.fromtimestamp(self._seconds, UTC) if self._seconds else None

    def begin(self, event: Event, gtid: Gtid | None) -> bool:
        """A transaction begins with this event; returns False for one that is beyond the bound.

        Raises `StartMismatch` for one that cannot be the first after the start.
        """
        _, _, _, size, end, _ = HEADER.unpack_from(event[0], event[1])
        self._offset, self.seen = self._end_of(end) - size, size  # the server leaves out what we have
        if self._allowed is None:
            if self._at_bound():
                return False
        elif gtid and not self._allowed.holds(gtid.source, gtid.number):
            return False
        if self._tail is not None:
            self._tail.append(self._offset)
        if gtid and self._unproven is not None:
            if not self._unproven.follows(gtid.source, gtid.number):
                raise StartMismatch(
                    f"{self}: transaction {gtid.source}:{gtid.number} does not follow on {self._unproven}"
                )
            self._unproven.add(gtid.source, gtid.number)
        return True

    def end(self, event: Event, gtid: Gtid | None) -> bool:
        """The transaction ends with this event; returns whether that is the bound."""
        if gtid is not None:
            self._gtids.add(gtid.source, gtid.number)
        self.transactions += 1
        (self._seconds, *_) = HEADER.unpack_from(event[0], event[1])
        reached = self.advance(event)
        if self._allowed is None and (self._number, self._offset) > self._bound_order:
            raise SyncError(f"{self}: a transaction ends there, beyond the bound {self._bound}")
        return reached

    def advance(self, event: Event) -> bool:
        """All up to the end of this event was read; returns whether that is the bound."""
        _, _, _, _, end, flags = HEADER.unpack_from(event[0], event[1])
        if end and not flags & ARTIFICIAL:
            before, self._offset = self._offset, self._end_of(end)
            if (self._number, before) < self._start_order < (self._number, self._offset):
                raise StartMismatch(f"{self}: no transaction ends at {self._start_order[1]}. {RELOAD}")
        self.seen = 0
        return self._at_bound()

    def rotate(self, file: str, offset: int) -> bool:
        """The log goes on there; returns whether that is the bound."""
        if self._tail is not None and file != self._file:
            self._tail.clear()
            self._tail.append(offset)
        self._file, self._offset, self._number, self.seen = file, offset, file_number(file), 0
        return self._at_bound()

    def log_ended(self) -> None:
        """The server has no more. Raises `SyncError` when the bound is not behind us then, `NotSentYet` where
        it may be soon."""
        if missing := self._gtids.missing(self._bound.gtids):
            raise SyncError(
                f"{self}: the log ends without the transactions {missing}, which the server executed: they"
                f" were not logged. {RELOAD}"
            )
        if self.repeating:
            raise refused(str(self._start), f"{self} nothing follows", AHEAD)
        if self._allowed is None and not self._at_bound():
            if not (self._bound.gtids and self._server.gtids):
                raise NotSentYet(f"{self}: the server sends its log up to there, not to {self._bound}")
            self.rotate(self._bound.file, self._bound.offset)  # the server left out what we have

    def __str__(self) -> str:
        return f"binlog {self._file} from {self._offset}"

    def _at_bound(self) -> bool:
        return self._allowed is None and (self._number, self._offset) >= self._bound_order

    def _end_of(self, low: int) -> int:
        """An offset whose lower 32 bits an event tells: a transaction can be longer than those can say."""
        expected = self._offset + self.seen
        return expected + (low - expected + HALF) % (2 * HALF) - HALF
