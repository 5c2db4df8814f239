"""Recognise a log by its content, so that each line is read once: under another name after a rotation,
packed, as a copy, or grown since.

A log is known by the hash of its first bytes, and what was read of it by the hash of the last ones before
the place where reading ended. Name and inode only say that nothing has to be looked at.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum, auto
from pathlib import Path
from typing import BinaryIO

from weblog.files import open_log

HEAD_BYTES = 1024
TAIL_BYTES = 4096


@dataclass(frozen=True)
class Stat:
    """What the file system says of a file; the same again means the same content."""

    device: int
    inode: int
    size: int
    modified_ns: int

    @staticmethod
    def of(path: Path) -> Stat:
        found = path.stat()
        return Stat(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)


@dataclass(frozen=True)
class Log:
    """A log, and how far one reader has come in it: `offset` in unpacked bytes, `lines` above it.

    `head` is the hash of its first `head_bytes`, `tail` that of the last bytes before `offset`.
    """

    number: int
    name: str
    stat: Stat | None = None
    head_bytes: int = 0
    head: str = ""
    offset: int = 0
    lines: int = 0
    tail: str = ""

    def advanced(self, offset: int, lines: int, tail: bytes, head: bytes) -> Log:
        """The log when so much more of it was read."""
        first = {} if self.head_bytes else {"head_bytes": len(head), "head": digest(head)}
        return replace(self, offset=offset, lines=lines, tail=digest(tail), **first)  # type: ignore[arg-type]


class LogStatus(Enum):
    """What a file is to the logs that were read."""

    NEW = auto()
    GOES_ON = auto()  # a log that was read before, which may have grown
    UNCHANGED = auto()  # as it was when it was read last
    SHORTER = auto()  # the beginning of a log that was read before
    REWRITTEN = auto()  # begins like a log that was read before, and differs further on


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def recognise(path: Path, known: Iterable[Log]) -> tuple[LogStatus, Log | None]:
    """What the file is, and the log that it is, if it was read before."""
    logs = list(known)
    stat = Stat.of(path)
    if same := next((log for log in logs if log.stat == stat), None):
        return LogStatus.UNCHANGED, same
    with open_log(path) as file:
        head = read_up_to(file, HEAD_BYTES)
        found = [log for log in logs if digest(head[: log.head_bytes]) == log.head]
        differing: list[tuple[LogStatus, Log]] = []
        # The longest first: of two logs that begin alike, the one that goes further.
        for log in sorted(found, key=lambda log: -log.offset):
            start = max(0, log.offset - TAIL_BYTES)
            file.seek(start)
            tail = read_up_to(file, log.offset - start)
            if digest(tail) == log.tail and len(tail) == log.offset - start:
                return LogStatus.GOES_ON, log
            shorter = len(tail) < log.offset - start
            differing.append((LogStatus.SHORTER if shorter else LogStatus.REWRITTEN, log))
    return differing[0] if differing else (LogStatus.NEW, None)


def read_up_to(file: BinaryIO, size: int) -> bytes:
    """So many bytes, or what there is: a read of an unbuffered file may bring fewer."""
    parts: list[bytes] = []
    while size > 0 and (part := file.read(size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
