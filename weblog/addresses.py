"""The address of each line, without the banned ones, into an archive."""

from __future__ import annotations

import hashlib
import re
import tarfile
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from exporting.storing import sweep, written
from sync.errors import SyncError
from weblog.reading import CHUNK_BYTES
from weblog.state import Commit, Part, State, gone, read_new

READER = "addresses"
NAMED = 20
FIRST = 8
MEMBER = "transformed_data.txt"
ADDRESS = re.compile(rb"[0-9A-Za-z:][0-9A-Za-z.:_%-]*")
"""An IPv4 or IPv6 address, or the name of a client that the server has looked up."""
_AFTER_ADDRESS = re.compile(rb" .*")


@dataclass
class Unsound:
    """Lines that have no address, each as its log's name and its number."""

    count: int = 0
    lines: list[tuple[str, int]] = field(default_factory=list)

    def add(self, name: str, numbers: Sequence[int]) -> None:
        self.count += len(numbers)
        self.lines += [(name, number) for number in numbers[: NAMED - len(self.lines)]]


def addresses(lines: bytes) -> bytes:
    """The first field of each line, as `cut -d ' ' -f 1` has it."""
    return _AFTER_ADDRESS.sub(b"", lines)


def extract(chunks: Iterator[bytes], out: BinaryIO, unsound: list[int]) -> None:
    """Write the address of each line, in their order; the lines that have none are added to `unsound`,
    counted from 0 in these chunks."""
    lines_before = 0
    for chunk in chunks:
        found = addresses(chunk)
        fields = found.split(b"\n")
        fields.pop()
        if bad := {each for each in set(fields) if not ADDRESS.fullmatch(each)}:
            unsound += [lines_before + number for number, each in enumerate(fields) if each in bad]
            found = b"".join(each + b"\n" for each in fields if each not in bad)
        out.write(found)
        lines_before += len(fields)


def transform(chunks: Iterator[bytes], banned: Collection[str], out: BinaryIO) -> None:
    """Write the addresses, one a line, without the banned ones. A banned address is compared as a whole."""
    patterns = [f"\n{address}\n".encode() for address in banned]
    for chunk in chunks:
        kept = b"\n" + chunk
        for pattern in patterns:
            # Two in a row share a line's end, so a replacement may uncover another one.
            while pattern in kept:
                kept = kept.replace(pattern, b"\n")
        out.write(memoryview(kept)[1:])


def banned_addresses(setting: str) -> tuple[str, ...]:
    """The addresses of a comma-separated setting. Raises `SyncError` for one that can be no address."""
    found = tuple(part.strip() for part in setting.split(",") if part.strip())
    if wrong := [each for each in found if not ADDRESS.fullmatch(each.encode())]:
        raise SyncError(f"SOFTCART_BANNED_ADDRESSES: {wrong[0]!r} is no address; separate them by commas")
    return found


@dataclass(frozen=True)
class Summary:
    """How many addresses there are, the first of them, and those that come most often."""

    lines: int
    first: list[str]
    most: list[tuple[str, int]]


def summary(chunks: Iterable[bytes], most: int) -> Summary:
    """What the addresses, one a line, look like; memory holds each address that differs once."""
    found: Counter[bytes] = Counter()
    first: list[str] = []
    for chunk in chunks:
        lines = chunk.split(b"\n")
        lines.pop()
        first += [line.decode() for line in lines[: FIRST - len(first)]]
        found.update(lines)
    # Of two that are there as often the first in byte order.
    ordered = sorted(found.items(), key=lambda item: (-item[1], item[0]))[:most]
    return Summary(found.total(), first, [(address.decode(), lines) for address, lines in ordered])


def chunks_of(path: Path) -> Iterator[bytes]:
    """A file of whole lines in chunks of whole lines."""
    with path.open("rb") as file:
        rest = b""
        while read := file.read(CHUNK_BYTES):
            content = rest + read
            whole = content.rfind(b"\n") + 1
            yield content[:whole]
            rest = content[whole:]


class Addresses:
    """The addresses of the log, kept in `folder`: a file for each part that was read."""

    def __init__(self, state: State, folder: Path) -> None:
        self._state = state
        self._folder = folder

    def read(self, files: Sequence[Path], notes: list[str]) -> tuple[list[Part], Unsound]:
        """Take the new lines of the log's `files`; returns what was read, and the lines without address."""
        unsound = Unsound()
        self._folder.mkdir(parents=True, exist_ok=True)
        sweep(self._folder, "*", {part.name for part in self._state.parts()})

        def make(part: Part, name: str, chunks: Iterator[bytes]) -> Commit:
            without: list[int] = []
            with written(self._file(part)) as path, path.open("wb") as out:
                extract(chunks, out, without)
            return lambda _cursor, whole: unsound.add(name, [whole.first_line + number for number in without])

        return read_new(self._state, files, make, notes), unsound

    def chunks(self) -> Iterator[bytes]:
        """All addresses in the log's order, in chunks of whole lines. Raises `SyncError` where a file is
        gone."""
        for part in self._state.parts():
            try:
                yield from chunks_of(self._file(part))
            except FileNotFoundError as error:
                raise gone(str(error.filename), READER) from None

    def _file(self, part: Part) -> Path:
        return self._folder / f"{part.name}.txt"


def archive(source: Path, target: Path) -> tuple[int, str]:
    """Pack `source` as the one member of the tar `target`; the same content gives the same bytes, whoever
    packs it and when. Returns the tar's bytes and SHA-256."""
    with written(target) as path, tarfile.open(path, "w", format=tarfile.GNU_FORMAT) as tar:
        member = tarfile.TarInfo(MEMBER)
        member.size = source.stat().st_size
        member.mode = 0o644
        with source.open("rb") as file:
            tar.addfile(member, file)
    with target.open("rb") as file:
        return target.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest()
