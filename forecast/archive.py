"""Unpack an archive that somebody landed, so that it can do no harm.

Only plain files and folders below one folder come out, and no more of them than a model has; everything else
is refused by name before anything is kept. Nothing here relies on tarfile's own extraction, whose filters
Debian 12's Python lacks.
"""

from __future__ import annotations

import gzip
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, cast

from forecast.errors import ModelRefused

MAX_ARCHIVE_BYTES = 20 * 2**20
MAX_BYTES = 100 * 2**20
MAX_MEMBERS = 500
PICKLES = (".pkl", ".pickle", ".joblib")


class _Limited:
    """A stream that ends in a refusal after so many bytes, whatever the headers in it claim."""

    def __init__(self, stream: IO[bytes], limit: int) -> None:
        self._stream = stream
        self._left = limit

    def read(self, size: int) -> bytes:
        data = self._stream.read(min(size, self._left + 1))
        self._left -= len(data)
        if self._left < 0:
            raise ModelRefused(f"it unpacks to more than {MAX_BYTES // 2**20} MiB")
        return data


@contextmanager
def unpacked(archive: Path) -> Iterator[Path]:
    """The one folder that a `.tar.gz` holds, in a temporary place that is gone after the block.

    Raises `ModelRefused` for what is no such archive, is too large, or holds anything but files and folders
    below one folder.
    """
    size = archive.stat().st_size
    if size > MAX_ARCHIVE_BYTES:
        raise ModelRefused(f"{archive.name} has {size:,} bytes; a model has at most {MAX_ARCHIVE_BYTES:,}")
    place = Path(tempfile.mkdtemp(prefix="softcart-model-"))
    try:
        try:
            _unpack(archive, place)
        except ModelRefused as error:
            raise ModelRefused(f"{archive.name}: {error}") from error
        except (tarfile.TarError, gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise ModelRefused(f"{archive.name} is no whole .tar.gz archive: {error}") from error
        yield _only_folder(archive, place)
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _unpack(archive: Path, place: Path) -> None:
    with gzip.open(archive) as stream:
        limited = cast("IO[bytes]", _Limited(cast("IO[bytes]", stream), MAX_BYTES))
        with tarfile.open(fileobj=limited, mode="r|") as members:
            for number, member in enumerate(members, 1):
                if number > MAX_MEMBERS:
                    raise ModelRefused(f"it has more than {MAX_MEMBERS} members")
                _take(members, member, place)


def _take(members: tarfile.TarFile, member: tarfile.TarInfo, place: Path) -> None:
    path = place / _safe(member)
    if member.isdir():
        path.mkdir(parents=True, exist_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():
        raise ModelRefused(f"it has {member.name!r} twice")
    content = members.extractfile(member)
    assert content is not None
    with path.open("xb") as file:
        shutil.copyfileobj(content, file)


def _safe(member: tarfile.TarInfo) -> PurePosixPath:
    """The member's path. Raises `ModelRefused` for one that is no file or folder of its own, or lies
    outside."""
    path = PurePosixPath(member.name)
    if path.is_absolute() or ".." in path.parts or "\\" in member.name or "\0" in member.name:
        raise ModelRefused(f"{member.name!r} leads out of its folder")
    if member.issym() or member.islnk():
        raise ModelRefused(f"{member.name!r} is a link")
    if not (member.isdir() or member.isreg()) or member.issparse():
        raise ModelRefused(f"{member.name!r} is neither a plain file nor a folder")
    if path.suffix.lower() in PICKLES:
        raise ModelRefused(f"{member.name!r} is a pickle, and to read one is to run it")
    return path


def _only_folder(archive: Path, place: Path) -> Path:
    found = sorted(place.iterdir())
    if len(found) != 1 or not found[0].is_dir():
        raise ModelRefused(
            f"{archive.name} should hold one folder, and holds {len(found)} members at its top"
        )
    return found[0]
