"""What a reader hands on: a file's lines, each with its number and raw text, and the ones that it rejects."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Generic, NamedTuple, Protocol, TypeVar

Content = TypeVar("Content")

Reject = Callable[[int, str, str], None]
"""Takes a rejected line: its number in the file, its raw text, the reason."""

KEEP_UNDECODABLE = "softcart_keep_undecodable"
_UNDECODABLE = re.compile("[\udc00-\udcff]")


class Line(NamedTuple, Generic[Content]):
    """A record of a file: the number of its first line, counted from 1, its text and what it says."""

    number: int
    raw: str
    content: Content


class Reader(Protocol[Content]):
    """What a landing needs of a file's reader. `lines`, the records met, and `ignored_columns` are known when
    `rows` has ended."""

    @property
    def path(self) -> Path: ...

    @property
    def lines(self) -> int: ...

    @property
    def ignored_columns(self) -> tuple[str, ...]: ...

    def rows(self, reject: Reject) -> Iterator[Line[Content]]:
        """The lines that fit the declaration; the others are given to `reject`.

        Raises `LandingError` for a file that is something else altogether.
        """


def _keep_undecodable(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "".join(chr(0xDC00 + byte) for byte in error.object[error.start : error.end]), error.end


# Each undecodable byte becomes a lone surrogate, as with `surrogateescape`, but also one below 0x80, which
# UTF-16 needs. No decoded text holds a lone surrogate otherwise.
codecs.register_error(KEEP_UNDECODABLE, _keep_undecodable)


def damage(raw: str, encoding: str) -> str | None:
    """Why a line cannot be trusted to say what its author meant, or None."""
    if not raw.isascii() and (match := _UNDECODABLE.search(raw)):
        byte = ord(match[0]) - 0xDC00
        return f"holds byte 0x{byte:02x} at character {match.start() + 1}, which is not {encoding}"
    return f"holds a NUL at character {raw.index(chr(0)) + 1}" if "\0" in raw else None


def printable(raw: str) -> str:
    """The line as every database takes it: undecodable bytes and NUL as `\\xNN`, no line end."""
    text = raw.rstrip("\r\n")
    if "\0" in text:
        text = text.replace("\0", "\\x00")
    return text if text.isascii() else _UNDECODABLE.sub(lambda m: f"\\x{ord(m[0]) - 0xDC00:02x}", text)
