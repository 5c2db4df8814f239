"""Global transaction ids: which transactions a position covers, in both dialects.

MySQL counts a server's transactions and keeps sets of intervals
(https://dev.mysql.com/doc/refman/8.4/en/replication-gtids-concepts.html). MariaDB numbers those of a domain,
so that the last number covers all before it (https://mariadb.com/kb/en/gtid/).
"""

from __future__ import annotations

import re
import uuid
from bisect import bisect_right
from operator import itemgetter
from typing import Protocol

from sync.errors import SyncError


class Gtids(Protocol):
    """The transactions that are known at a position."""

    def add(self, source: str, number: int) -> None:
        """Take in one transaction. `source` is what numbers it: a server's UUID, or a domain and a server."""

    def holds(self, source: str, number: int) -> bool: ...

    def follows(self, source: str, number: int) -> bool:
        """Whether a transaction can be the first one after these in the log."""

    def missing(self, other: str) -> str:
        """What of another set, as text, is not in this one; empty when all of it is."""

    def __str__(self) -> str: ...


def common_gtids(one: str, other: str) -> str:
    """The transactions that two sets have in common, in whichever dialect."""
    if ":" in one + other:
        return MySQLGtids(MySQLGtids(one).missing(other)).missing(other)
    common, known = MariaDBGtids(one), MariaDBGtids(other).last
    common.last = {
        domain: min(last, known[domain], key=itemgetter(1))
        for domain, last in common.last.items()
        if domain in known
    }
    return str(common)


class MySQLGtids:
    """A set such as `3e11fa47-…:1-5:7,3e11fa47-…:tag:1-3`, kept as disjoint intervals in order."""

    def __init__(self, text: str = "") -> None:
        self.intervals: dict[str, list[tuple[int, int]]] = {}
        for part in filter(None, re.sub(r"\s", "", text.lower()).split(",")):
            server, *pieces = part.split(":")
            source = server
            for piece in pieces:
                if match := re.fullmatch(r"([0-9]+)(?:-([0-9]+))?", piece):
                    first = int(match[1])
                    self._insert(source, first, int(match[2] or first))
                else:
                    source = f"{server}:{piece}"
            if not pieces or not re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", server):
                raise SyncError(f"{part!r} is no GTID set of MySQL; clear the position, so the table reloads")

    def add(self, source: str, number: int) -> None:
        known = self.intervals.get(source)
        if known and known[-1][1] + 1 == number:
            known[-1] = (known[-1][0], number)
        else:
            self._insert(source, number, number)

    def holds(self, source: str, number: int) -> bool:
        known = self.intervals.get(source, [])
        place = bisect_right(known, number, key=lambda interval: interval[0])
        return place > 0 and known[place - 1][1] >= number

    def follows(self, source: str, number: int) -> bool:
        return not self.holds(source, number)

    def missing(self, other: str) -> str:
        left = MySQLGtids()
        for source, wanted in MySQLGtids(other).intervals.items():
            for first, last in wanted:
                begin = first
                for low, high in self.intervals.get(source, []):
                    if high < begin or low > last:
                        continue
                    if low > begin:
                        left._insert(source, begin, low - 1)
                    begin = high + 1
                if begin <= last:
                    left._insert(source, begin, last)
        return str(left)

    def encoded(self) -> bytes:
        """The set as COM_BINLOG_DUMP_GTID takes it: sources, each with its intervals, whose ends are not in
        them. With tags (MySQL 8.3 and later) the count of sources says so, and each has its tag."""
        tagged = any(":" in source for source in self.intervals)
        count = len(self.intervals)
        parts = [(1 << 56 | count << 8 | 1 if tagged else count).to_bytes(8, "little")]
        for source, intervals in sorted(self.intervals.items()):
            server, _, tag = source.partition(":")
            parts.append(uuid.UUID(server).bytes)
            if tagged:
                parts.append(bytes([len(tag) << 1]) + tag.encode())
            parts.append(len(intervals).to_bytes(8, "little"))
            for first, last in intervals:
                parts += [first.to_bytes(8, "little"), (last + 1).to_bytes(8, "little")]
        return b"".join(parts)

    def __str__(self) -> str:
        return ",".join(
            ":".join([source, *(f"{low}" if low == high else f"{low}-{high}" for low, high in intervals)])
            for source, intervals in sorted(self.intervals.items())
        )

    def _insert(self, source: str, first: int, last: int) -> None:
        merged: list[tuple[int, int]] = []
        for low, high in sorted([*self.intervals.get(source, []), (first, last)]):
            if merged and low <= merged[-1][1] + 1:
                merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
            else:
                merged.append((low, high))
        self.intervals[source] = merged


class MariaDBGtids:
    """A state such as `0-1-100,5-2-30`: of each domain the last transaction, and all before it.

    A source is `domain-server` here, as in the text."""

    def __init__(self, text: str = "") -> None:
        self.last: dict[int, tuple[int, int]] = {}
        for part in filter(None, re.sub(r"\s", "", text).split(",")):
            match = re.fullmatch(r"([0-9]+)-([0-9]+)-([0-9]+)", part)
            if match is None:
                raise SyncError(f"{part!r} is no GTID of MariaDB; clear the position, so the table reloads")
            self.last[int(match[1])] = int(match[2]), int(match[3])

    def add(self, source: str, number: int) -> None:
        domain, server = source.split("-")
        self.last[int(domain)] = int(server), number

    def holds(self, source: str, number: int) -> bool:
        return number <= self._last_of(source)

    def follows(self, source: str, number: int) -> bool:
        last = self._last_of(source)
        return not last or number == last + 1

    def missing(self, other: str) -> str:
        return ",".join(
            f"{domain}-{server}-{number}"
            for domain, (server, number) in sorted(MariaDBGtids(other).last.items())
            if not self.holds(str(domain), number)
        )

    def __str__(self) -> str:
        return ",".join(f"{domain}-{server}-{last}" for domain, (server, last) in sorted(self.last.items()))

    def _last_of(self, source: str) -> int:
        return self.last.get(int(source.partition("-")[0]), (0, 0))[1]
