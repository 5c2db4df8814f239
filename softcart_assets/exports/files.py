"""Where exports go, and what each shows of itself."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import dagster as dg

from exporting.publishing import publish
from sync.object_store import Place

GROUP = "exports"
VARIABLE = "SOFTCART_EXPORTS"
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
    digest, place = _sha256(path), bucket()
    url = publish(path, exports_folder(), place) if place else path.resolve().as_uri()
    return {"dagster/uri": url, "bytes": path.stat().st_size, "sha256": digest}


def metadata_of_the_same(
    instance: dg.DagsterInstance, key: dg.AssetKey, path: Path, name: str, value: str
) -> dict[str, Any] | None:
    """The last metadata of an export, where the file is what was written then, and the entry `name` says that
    it was made from what `value` stands for; None where it has to be written."""
    event = instance.get_latest_materialization_event(key)
    made = event.asset_materialization if event else None
    last = {entry: said.value for entry, said in made.metadata.items()} if made else {}
    same = last.get(name) == value and path.is_file() and last.get("sha256") == _sha256(path)
    return last if same else None


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
