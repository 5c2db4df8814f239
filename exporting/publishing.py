"""Bring a file that was written to the bucket that people read it from."""

from __future__ import annotations

import shutil
from pathlib import Path

from sync.object_store import Place

PORTION = 1 << 20  # bytes


def publish(path: Path, folder: Path, place: Place) -> str:
    """Put a file below `folder` at the same name below `place`, whole or not at all; its URL.

    Raises:
        SyncError: the bucket is not there, or may not be written to.
        TransientError: nobody answers.
    """
    target = f"{place.path}/{path.relative_to(folder).as_posix()}"
    with place.errors(), path.open("rb") as file, place.filesystem().open_output_stream(target) as output:
        shutil.copyfileobj(file, output, PORTION)
    return place.url(target)
