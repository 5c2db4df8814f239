"""What was read of the web log: files beside the databases, of which the state in staging speaks."""

from __future__ import annotations

import shutil
import zipfile
from contextlib import closing, suppress
from pathlib import Path

from sync.connections.postgresql import connect_postgresql

# A restored staging takes another identity, see `restore`; it is the name of the folder.
IDENTITY = "SELECT id::text FROM sync.identity"
HAS_IDENTITY = "SELECT to_regclass('sync.identity') IS NOT NULL"


def identity_of(staging: str) -> str | None:
    """The identity of the staging database at this URL; None where nothing was ever synced."""
    with closing(connect_postgresql(staging)) as connection, connection.cursor() as cursor:
        cursor.execute(HAS_IDENTITY)
        if cursor.fetchone() != (True,):
            return None
        cursor.execute(IDENTITY)
        return next((str(identity) for (identity,) in cursor.fetchall()), None)


class WeblogArchive:
    """The files of this staging database as one archive.

    It is saved after staging: a file is there before staging speaks of it, and what staging does not speak of
    goes with the next run.
    """

    suffix = "zip"

    def __init__(self, staging: str, folder: Path) -> None:
        self._staging, self._folder = staging, folder

    @property
    def place(self) -> str:
        return str(self._folder)

    def save(self, path: Path) -> None:
        identity = identity_of(self._staging)
        kept = self._folder / str(identity)
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in sorted(kept.rglob("*")):
                name = file.relative_to(kept)
                if file.is_file() and not any(part.startswith(".") for part in name.parts):
                    with suppress(FileNotFoundError):  # a run took it away meanwhile
                        archive.write(file, str(name))

    def load(self, path: Path) -> None:
        """Put the files where staging, which is restored by now, looks for them."""
        if identity := identity_of(self._staging):
            target = self._folder / identity
            shutil.rmtree(target, ignore_errors=True)
            with zipfile.ZipFile(path) as archive:
                archive.extractall(target)
