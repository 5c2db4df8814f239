"""Landing files in a bucket: brought to a folder of this machine, from where they land as any others do."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from landing.result import LandingError
from sync.object_store import Place
from sync.objects import SourceObject
from sync.sources.files.store import Store

VARIABLE = "SOFTCART_LANDING"
PORTION = 1 << 20  # bytes

# Of each file that was brought its etag and size, as the bucket listed them.
Known = dict[str, list[str | int]]


def is_bucket(named: str) -> bool:
    """Whether this is a prefix in a bucket. Raises `SyncError` for an address of any other kind."""
    return Place.parse(named, VARIABLE).scheme != "file"


def listed(url: str) -> list[SourceObject]:
    """The files in the bucket, but those that somebody is still writing.

    Raises `LandingError` where there are none, `SyncError` where it may not be read, `TransientError` where
    nobody answers.
    """
    found = Store(Place.parse(url, VARIABLE).root).listing()
    if not found:
        raise LandingError(f"{url} holds no file: correct {VARIABLE}, or put files there")
    return found


def brought(url: str, home: Path) -> Path:
    """The folder below `home` that holds what the bucket does: what is new or was replaced there is fetched,
    known by its etag, and what is gone there is removed. Processes that come at once wait for each other.

    Raises as `listed` does, `LandingError` for a name that is none of a file, and `TransientError` for an
    object that was replaced while it was fetched.
    """
    folder = home / "files"
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(home):
        objects = {each.name: each for each in listed(url)}
        known = {name: mark for name, mark in _known(home, url).items() if _is_there(folder / name, mark)}
        current = {name: mark for name, mark in known.items() if _mark(objects.get(name)) == mark}
        # Forgotten before they are replaced: a process that is killed in between has them fetched again.
        _remember(home, url, current)
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.relative_to(folder).as_posix() not in objects:
                path.unlink()
        store = Store(Place.parse(url, VARIABLE).root)
        for name in sorted(objects.keys() - current.keys()):
            _fetch(store, objects[name], folder, home / "part")
        _remember(home, url, {name: [each.etag, each.size] for name, each in objects.items()})
    return folder


def _fetch(store: Store, wanted: SourceObject, folder: Path, part: Path) -> None:
    """Bring one file, which appears whole and with the time that it has in the bucket."""
    if ".." in PurePosixPath(wanted.name).parts:
        raise LandingError(f"{store}: {wanted.name!r} is no name of a file; rename it there")
    path = folder / wanted.name
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with store.open(wanted) as source, part.open("wb") as target:
            shutil.copyfileobj(source, target, PORTION)
        os.utime(part, (wanted.modified_at.timestamp(),) * 2)
        part.replace(path)
    except (IsADirectoryError, NotADirectoryError, FileExistsError) as error:
        raise LandingError(
            f"{store}: {wanted.name} is a file's name there and a folder's as well; rename one of them"
        ) from error


def _mark(listed_as: SourceObject | None) -> list[str | int] | None:
    return [listed_as.etag, listed_as.size] if listed_as else None


def _is_there(path: Path, mark: list[str | int]) -> bool:
    return path.is_file() and path.stat().st_size == mark[1]


def _known(home: Path, url: str) -> Known:
    try:
        kept = json.loads((home / "known.json").read_text())
    except FileNotFoundError:
        return {}
    known: Known = kept["files"] if kept["url"] == url else {}
    return known


def _remember(home: Path, url: str, known: Known) -> None:
    beside = home / "known.json.part"
    beside.write_text(json.dumps({"url": url, "files": known}))
    beside.replace(home / "known.json")


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
