"""A place in the binlog: file and offset, and the transactions before it.

File and offset cost the server nothing to find but mean something on that server alone; the GTIDs survive a
failover. Both are kept. The text is the JSON of `binlog_position`, with the server's identity in it where
file, offset and GTIDs are known to belong together: then the log is entered by file and offset.

MySQL without GTIDs cannot say which transactions of its log a snapshot shows: the last ones may be in the log
and not be committed yet. So there the next read begins at `tail`, before all that may have been on their way:
no more than the server has threads, and all in one file, since it waits for them before it begins another.

The rows of an XA transaction stand in the log before it is committed, so a position also knows which tables
those that are open there have touched.

None of this tells one log from another that the same server began later; see `witness`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from functools import reduce
from typing import Any

from sync.errors import RELOAD as RELOAD
from sync.errors import SyncError
from sync.sources.mysql.binlog.gtids import common_gtids


@dataclass(frozen=True)
class Witness:
    """The first `events` of a server's log file, as a `digest`."""

    server: str
    file: str
    events: int
    digest: str


@dataclass(frozen=True)
class BinlogPosition:
    """`offset` and `tail` in bytes. `server` is empty where they may not belong together. `prepared`
    are the tables of open XA transactions by the transactions' names, as far as they are known; `witnesses`
    what the files began with that the position was taken in."""

    file: str
    offset: int
    gtids: str = ""
    server: str = ""
    tail: int | None = None
    prepared: dict[str, list[str]] = field(default_factory=dict)
    witnesses: tuple[Witness, ...] = ()

    @classmethod
    def parse(cls, text: str) -> BinlogPosition:
        """Raises `SyncError` for what is no position of a binlog."""
        try:
            value = json.loads(text)
            file, offset = value["file"], int(value["position"])
            gtids, server = value.get("gtid", ""), value.get("server", "")
            witnesses = tuple(Witness(**each) for each in value.get("witnesses", ()))
            return cls(file, offset, gtids, server, value.get("tail"), value.get("prepared", {}), witnesses)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise SyncError(f"{text[:200]!r} is no binlog position. {RELOAD}") from error

    @property
    def order(self) -> tuple[int, int]:
        """The file's number and the offset, to compare places in one server's log."""
        return file_number(self.file), self.offset

    def __str__(self) -> str:
        value: dict[str, Any] = {"file": self.file, "position": self.offset, "gtid": self.gtids}
        if self.server:
            value["server"] = self.server
        if self.tail is not None:
            value["tail"] = self.tail
        if self.prepared:
            value["prepared"] = self.prepared
        if self.witnesses:
            value["witnesses"] = [asdict(each) for each in self.witnesses]
        return json.dumps(value)


def earliest(positions: Iterable[BinlogPosition]) -> BinlogPosition:
    """Where a read has to begin that serves all of these positions.

    A status of MySQL has file and offset that may be ahead of its GTIDs, and those of different servers can't
    be compared: then it is the GTIDs that are in all of them.
    """
    several = list(positions)
    prepared = {name: tables for position in several for name, tables in position.prepared.items()}
    witnesses = dict.fromkeys(each for position in several for each in position.witnesses)
    first = min(several, key=lambda position: position.order)
    first = replace(first, prepared=prepared, witnesses=tuple(witnesses))
    if all(position.server == first.server for position in several) and (first.server or not first.gtids):
        return first
    common = reduce(common_gtids, (position.gtids for position in several))
    return replace(first, gtids=common, server="")


def file_number(file: str) -> int:
    """The number that ends a log file's name, which grows from file to file."""
    match = re.search(r"\.([0-9]+)$", file)
    if match is None:
        raise SyncError(f"{file!r} is no name of a binlog file")
    return int(match[1])
