"""`make backup`: one folder a backup, whole or not there, the last ones kept."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from rich.filesize import decimal

from stack.backups.parts import parts_of
from stack.cluster import Cluster, size_of
from stack.home import StackError
from stack.server import Say

FOLDER, KEPT = "SOFTCART_BACKUPS", "SOFTCART_BACKUPS_KEPT"
DEFAULT_KEPT = "7"
NAME = re.compile(r"\d{4}-\d\d-\d\dT\d{6}Z")
MANIFEST = "manifest.json"
PARTIAL = ".partial"
# Settings that no restored platform should guess; URLs among them lose their password.
SETTING = re.compile(r"SOFTCART_\w+|LAKE")
PASSWORD = re.compile(r"(?<=://)([^:@/\s]*):[^@/\s]*@")
SECRET = re.compile(r"PASSWORD|SECRET|TOKEN|KEY|ALERTS")


def backups_folder(cluster: Cluster) -> Path:
    """Where backups lie: SOFTCART_BACKUPS, else `backups` in the home."""
    named = os.environ.get(FOLDER)
    return Path(named).expanduser().resolve() if named else cluster.home.root / "backups"


def all_backups(folder: Path) -> list[Path]:
    """Finished backups, the oldest first."""
    return sorted(path.parent for path in folder.glob(f"*/{MANIFEST}") if NAME.fullmatch(path.parent.name))


def kept() -> int:
    """How many backups are kept. Raises `StackError` for what is no such number."""
    said = os.environ.get(KEPT) or DEFAULT_KEPT
    if not said.isdigit() or int(said) < 1:
        raise StackError(f"{KEPT} is {said!r}: it is how many backups are kept, 1 or more")
    return int(said)


def back_up(cluster: Cluster, say: Say) -> Path:
    """Save every part into a new folder, and let the oldest ones beyond those that are kept go.

    Raises:
        StackError: a part cannot be saved; what was saved until then is removed.
    """
    folder, number = backups_folder(cluster), kept()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    final = folder / datetime.now(UTC).strftime("%Y-%m-%dT%H%M%SZ")
    partial = final.with_name(final.name + PARTIAL)
    partial.mkdir(mode=0o700)
    try:
        files = {}
        for name, dump in parts_of(cluster, say).items():
            path = partial / f"{name}.{dump.suffix}"
            dump.save(path)
            files[path.name] = digest(path)
            size = size_of(path) if path.is_dir() else path.stat().st_size
            say(f"{name:<11}{decimal(size):>12}  {dump.place}")
        (partial / "settings.json").write_text(json.dumps(settings(os.environ), indent=2) + "\n")
        (partial / MANIFEST).write_text(json.dumps({"files": files}, indent=2) + "\n")
    except BaseException:
        shutil.rmtree(partial)
        raise
    partial.rename(final)
    for old in all_backups(folder)[:-number]:
        shutil.rmtree(old)
        say(f"{old.name} was removed; the last {number} are kept ({KEPT})")
    return final


def settings(environment: Mapping[str, str]) -> dict[str, str]:
    """The platform's settings without secrets."""
    return {
        name: PASSWORD.sub(r"\1:***@", value)
        for name, value in sorted(environment.items())
        if SETTING.fullmatch(name) and not SECRET.search(name)
    }


def digest(path: Path) -> str:
    """SHA-256 of a file, or of all files of a folder with their names."""
    found = hashlib.sha256()
    for file in sorted(path.iterdir()) if path.is_dir() else [path]:
        if path.is_dir():
            found.update(file.name.encode() + b"\0")
        with file.open("rb") as opened:
            while block := opened.read(1 << 20):
                found.update(block)
    return found.hexdigest()
