"""Whole lines of a log from where reading ended, in chunks that memory holds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from sync.errors import SyncError
from weblog.files import is_finished, open_log
from weblog.logs import HEAD_BYTES, TAIL_BYTES, Log, read_up_to

CHUNK_BYTES = 4 << 20
LONGEST_LINE = 4 << 20
# A last line without its end may be half-written. It is not if it ends as the format does, with the agent's
# quote.
_WHOLE = re.compile(
    rb'\S+ .*\[[^\]]*\] "(?:[^"\\]|\\.)*" \d{3} (?:\d+|-) "(?:[^"\\]|\\.)*" "(?:[^"\\]|\\.)*"'
)


class LogReader:
    """A log opened at the place where reading ended; to be used in a `with` block.

    `log` is how far it is read, and moves on as chunks are taken. Raises `SyncError` for a line that is
    longer than `LONGEST_LINE`.
    """

    def __init__(self, path: Path, log: Log) -> None:
        self.path = path
        self.log = log
        self._file: BinaryIO = open_log(path)
        self._head = b"" if log.head_bytes else read_up_to(self._file, HEAD_BYTES)
        start = max(0, log.offset - TAIL_BYTES)
        self._file.seek(start)
        self._tail = read_up_to(self._file, log.offset - start)
        self._rest = b""
        self._ended = False

    def __enter__(self) -> LogReader:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    @property
    def held_back(self) -> int:
        """The bytes of a last line that is not whole yet."""
        return len(self._rest)

    def chunks(self, limit: int | None = None) -> Iterator[bytes]:
        """Chunks of whole lines, each line with its end, of about `limit` bytes in all; none at the end."""
        taken = 0
        while not self._ended and (limit is None or taken < limit):
            lines = self._next()
            if lines:
                taken += len(lines)
                yield lines

    def exactly(self, start: int, stop: int) -> Iterator[bytes]:
        """What was read before from byte `start` to `stop`, once more, in chunks of whole lines."""
        self._file.seek(start)
        left, rest = stop - start, b""
        while left and (read := self._file.read(min(CHUNK_BYTES, left))):
            left -= len(read)
            content = rest + read
            whole = content.rfind(b"\n") + 1
            if whole:
                yield content[:whole]
            rest = content[whole:]
        if rest:
            yield rest + b"\n"

    def _next(self) -> bytes:
        read = self._file.read(CHUNK_BYTES)
        content = self._rest + read
        whole = content.rfind(b"\n") + 1
        lines, self._rest = content[:whole], content[whole:]
        if not read:
            self._ended = True
            if self._rest and (is_finished(self.path) or _WHOLE.fullmatch(self._rest)):
                self._advance(self._rest, 1)
                lines, self._rest = self._rest + b"\n", b""
                return lines
            return b""
        if len(self._rest) > LONGEST_LINE:
            line = self.log.lines + lines.count(b"\n") + 1
            raise SyncError(
                f"{self.path.name}: line {line} is longer than {LONGEST_LINE >> 20} MiB; is it a web log?"
            )
        # The end of a last line that was taken without it.
        begun = lines[:1] == b"\n" and self._tail and not self._tail.endswith(b"\n")
        self._advance(lines, lines.count(b"\n") - bool(begun))
        return lines[1:] if begun else lines

    def _advance(self, content: bytes, lines: int) -> None:
        if not content:
            return
        self._tail = (content if len(content) >= TAIL_BYTES else self._tail + content)[-TAIL_BYTES:]
        offset = self.log.offset + len(content)
        self.log = self.log.advanced(offset, self.log.lines + lines, self._tail, self._head[:offset])
