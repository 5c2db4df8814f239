"""The log in the landing folder, with its rotated parts, oldest first."""

from __future__ import annotations

import gzip
import io
import re
from pathlib import Path
from typing import BinaryIO, cast

from sync.errors import SyncError

LOG = "accesslog.txt"
_GZIP = b"\x1f\x8b"
# As logrotate names them: accesslog.txt.2.gz, accesslog.txt-20150517, with `dateformat` also
# accesslog.txt-2015-05-17.
_ROTATED = re.compile(r"(?:\.(?P<number>\d+)|[-.](?P<date>\d{4}-?\d{2}-?\d{2}[-\d]*))?(?P<packed>\.gz)?")


def log_files(folder: Path | None) -> list[Path]:
    """The files of the log in the order in which they were written; none where there is no log.

    Raises `SyncError` for a folder that does not exist, or a log that is no file.
    """
    if folder is None:
        return []
    if not folder.is_dir():
        raise SyncError(
            f"landing folder {folder} does not exist: SOFTCART_LANDING names one of this machine, or a"
            " bucket as s3://bucket/prefix or gs://bucket/prefix"
        )
    found: list[tuple[tuple[int, int, str], Path]] = []
    for path in folder.glob(f"{LOG}*"):
        if match := _ROTATED.fullmatch(path.name.removeprefix(LOG)):
            if not path.is_file():
                raise SyncError(f"{path.name}: {path} is not a regular file")
            found.append((_age(match), path))
    return [path for _, path in sorted(found)]


def _age(match: re.Match[str]) -> tuple[int, int, str]:
    """Sorts by date, then by number from the highest down; the log itself is the youngest."""
    if match["date"]:
        return 0, 0, match["date"]
    if match["number"]:
        return 1, -int(match["number"]), ""
    return 2, 0 if match["packed"] else 1, ""


def is_finished(path: Path) -> bool:
    """Whether the log goes on elsewhere: a rotated part gets no more lines, so its last one is whole."""
    return path.name != LOG


def open_log(path: Path) -> BinaryIO:
    """The log's bytes, unpacked where it is compressed by gzip, whatever its name is.

    Raises `SyncError` where it cannot be read.
    """
    try:
        file = path.open("rb", buffering=0)
        packed = file.read(2) == _GZIP
        file.seek(0)
    except OSError as error:
        raise SyncError(f"{path.name}: it cannot be read: {error.strerror}") from error
    if packed:
        return cast(BinaryIO, gzip.GzipFile(fileobj=io.BufferedReader(file)))
    return cast(BinaryIO, file)
