"""Where exports go, and what each shows of itself."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

from exporting.publishing import publish
from sync.object_store import Place

GROUP = "exports"
VARIABLE = "SOFTCART_EXPORTS"
SHA256 = "sha256"
# Of the steps that could be executed, one after the other, these are taken last: they show what other parts
# of the graph make, and depending on it they would be left out where it failed.
LAST = {"dagster/priority": "-1"}


def bucket() -> Place | None:
    """The bucket that SOFTCART_EXPORTS names; None where it is a folder. Raises `SyncError` for neither."""
    said = os.environ.get(VARIABLE) or "exports"
    place = Place.parse(said, VARIABLE)
    return None if place.scheme == "file" else place


def exports_folder() -> Path:
    """Where exports are written: SOFTCART_EXPORTS, or `exports` in the working folder. Those for a bucket are
    written below SOFTCART_HOME, from where `file_metadata` brings each of them there."""
    if bucket():
        return Path(os.environ.get("SOFTCART_HOME") or ".softcart") / "exports"
    return Path(os.environ.get(VARIABLE) or "exports")


def file_metadata(path: Path) -> dict[str, Any]:
    """Place, size and hash of a file, which is brought to the bucket where there is one."""
    digest, place = sha256_of(path), bucket()
    url = publish(path, exports_folder(), place) if place else path.resolve().as_uri()
    return {"dagster/uri": url, "bytes": path.stat().st_size, SHA256: digest}


def sha256_of(path: Path) -> str:
    """The hash of a file, in hexadecimal, as its metadata has it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
