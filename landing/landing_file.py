"""Find a landing file, refuse what it cannot be, and tell whether it is the one that was landed last."""

from __future__ import annotations

import codecs
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from io import BufferedReader
from pathlib import Path
from typing import TextIO

from landing.lines import KEEP_UNDECODABLE
from landing.result import LandingError, LandingResult

HEAD_BYTES = 8192
# Text has none of these beside tabs and line ends; one in ten bytes of compressed or binary data is one.
CONTROLS = frozenset(range(32)) - frozenset(b"\t\n\v\f\r")
FEWEST_CONTROLS = 8
BINARY_SHARE = 0.04
WIDE_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True)
class Memory:
    """What is remembered of a landed file: its content's SHA-256, the code and declaration that read it, and
    what came of it."""

    content: str
    reader: str
    outcome: LandingResult


def check_folder(folder: Path | None) -> None:
    """Raises `LandingError` if a folder is named that is none."""
    if folder is not None and not folder.is_dir():
        raise LandingError(
            f"landing folder {folder} does not exist: SOFTCART_LANDING names one of this machine, or a"
            " bucket as s3://bucket/prefix or gs://bucket/prefix"
        )


def find(folder: Path | None, name: str) -> Path | None:
    """The file's path, or None where the folder has none of that name.

    Raises `LandingError` if the folder is missing, or if the name belongs to something that is no file.
    """
    if folder is None:
        return None
    check_folder(folder)
    path = folder / name
    if not path.exists():
        if path.is_symlink():
            raise LandingError(f"{name}: it is a link to {path.readlink()}, which does not exist")
        return None
    if not path.is_file():
        raise LandingError(f"{name}: {path} is not a regular file")
    return path


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn what goes wrong in reading the file, which may vanish meanwhile, into a `LandingError`."""
    try:
        yield
    except OSError as error:
        raise LandingError(f"{path.name}: it cannot be read: {error.strerror}") from error


@contextmanager
def opened(path: Path) -> Iterator[BufferedReader]:
    """The file's bytes. Raises `LandingError` where they cannot be read."""
    with reading(path), path.open("rb") as file:
        yield file


@contextmanager
def opened_text(path: Path, encoding: str) -> Iterator[TextIO]:
    """The file's text with its own line ends; bytes that are not of the encoding are kept as `damage` finds
    them. Raises `LandingError` where it cannot be read."""
    with reading(path), path.open(encoding=encoding, errors=KEEP_UNDECODABLE, newline="") as file:
        yield file


def check_text(path: Path, encoding: str) -> None:
    """Raises `LandingError` for a file that is empty, binary or a web page, as far as its beginning shows."""
    with opened(path) as file:
        head = file.read(HEAD_BYTES)
    text = head.decode(encoding, errors="replace").lstrip("\ufeff").strip()
    if not text and len(head) < HEAD_BYTES:
        raise LandingError(f"{path.name}: the file is empty")
    if _is_utf16(head) and not codecs.lookup(encoding).name.startswith(("utf-16", "utf-32")):
        raise LandingError(
            f"{path.name}: it is written in UTF-16; save it as UTF-8:"
            f" iconv -f UTF-16 -t UTF-8 {path.name} > utf8 && mv utf8 {path.name}"
        )
    controls = sum(ord(character) in CONTROLS for character in text)
    if controls >= FEWEST_CONTROLS and controls > BINARY_SHARE * len(text):
        raise LandingError(f"{path.name}: it is not text in {encoding} but something binary")
    if text[:20].lower().startswith(("<!doctype", "<html", "<?xml")):
        raise LandingError(f"{path.name}: it is a web page or XML, saved under this name")


def _is_utf16(head: bytes) -> bool:
    """By its mark, or since every other byte of a text in Latin letters is 0 then."""
    half = len(head) // 4
    return head.startswith(WIDE_MARKS) or (half > 0 and max(head[::2].count(0), head[1::2].count(0)) > half)


def content_hash(path: Path) -> str:
    """The SHA-256 of the file's bytes, in hex. Raises `LandingError` if it cannot be read."""
    with opened(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_unchanged(path: Path, content: str) -> None:
    """Raises `LandingError` if the file is no longer what it was when its hash was taken."""
    if content_hash(path) != content:
        raise LandingError(
            f"{path.name}: it was changed or replaced while it was read, so nothing of it was landed;"
            " run again once it is complete"
        )


def reader_version(declaration: object) -> str:
    """What the reading of a file depends on besides its bytes: this package's code and the declaration.

    A line that an older release refused may be read by a newer one, so the same bytes are read again then.
    """
    return hashlib.sha256(f"{_code()}{declaration!r}".encode()).hexdigest()


@cache
def _code() -> str:
    modules = sorted(Path(__file__).parent.glob("*.py"))
    return hashlib.sha256(b"".join(module.read_bytes() for module in modules)).hexdigest()
