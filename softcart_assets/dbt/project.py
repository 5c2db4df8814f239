"""Where the dbt project is, what version of it, and where its derived files go."""

from __future__ import annotations

import hashlib
import os
import tempfile
from functools import lru_cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2] / "sql"
PARTS = ("models", "macros", "tests", "seeds", "snapshots")
SUFFIXES = {".sql", ".yml", ".yaml", ".csv"}


def source_files() -> list[Path]:
    """Every file that the project is made of, in a fixed order."""
    nested = (path for part in PARTS for path in (ROOT / part).rglob("*") if path.suffix in SUFFIXES)
    return [ROOT / "dbt_project.yml", ROOT / "profiles.yml", *sorted(nested)]


def content_hash(*further: Path) -> str:
    """Changes with any file of the project, and with the `further` files."""
    digest = hashlib.sha256()
    for path in (*source_files(), *further):
        digest.update(os.path.relpath(path, ROOT).encode() + b"\0")
        digest.update(path.read_bytes() + b"\0")
    return digest.hexdigest()


@lru_cache(maxsize=1)
def target_folder() -> Path:
    """The folder for what is derived from the project: `sql/target`, or this user's temporary one where the
    project cannot be written to."""
    preferred = ROOT / "target"
    try:
        preferred.mkdir(exist_ok=True)
        tempfile.TemporaryFile(dir=preferred).close()
    except OSError:
        fallback = Path(tempfile.gettempdir()) / f"softcart-dbt-{os.getuid()}"
        fallback.mkdir(mode=0o700, exist_ok=True)
        if fallback.stat().st_uid != os.getuid():
            raise PermissionError(f"{fallback} belongs to somebody else; remove it or set TMPDIR") from None
        return fallback
    return preferred


def replace_file(path: Path, text: str) -> None:
    """Give a derived file its content, all of it or nothing."""
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=path.name, delete=False) as file:
        file.write(text)
    Path(file.name).replace(path)
