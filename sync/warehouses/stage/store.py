"""Where the files of a load lie, and for how long."""

from __future__ import annotations

import os
import re
import uuid
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from sync.errors import SyncError
from sync.object_store import Place
from sync.warehouses.schema import TableName
from sync.warehouses.stage.formats import Format
from sync.warehouses.stage.manifest import Manifest, StageFile
from sync.warehouses.stage.upload import Upload

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

VARIABLE, HOURS_VARIABLE = "SOFTCART_STAGE", "SOFTCART_STAGE_HOURS"
HOURS = 24
UNUSUAL = re.compile(r"[^A-Za-z0-9._-]")  # what a loader might spell in another way


@dataclass(frozen=True)
class ObjectStage:
    """A place whose folders are `<schema>.<table>/<token>-<attempt>`: the token is the lease's, the attempt a
    name that is drawn anew each time, so that no path is ever written to twice.

    `hours`: after so long an attempt's files are taken away.
    """

    place: Place
    hours: float = HOURS

    @staticmethod
    def from_environment(environment: Mapping[str, str] = os.environ) -> ObjectStage:
        """As `SOFTCART_STAGE` and `SOFTCART_STAGE_HOURS` say. Raises `SyncError` where the first is not set,
        or one of them means nothing."""
        text = environment.get(VARIABLE)
        if not text:
            raise SyncError(
                f"{VARIABLE} is not set: name the folder or bucket through which rows go to the warehouse,"
                f" such as s3://bucket/prefix"
            )
        return ObjectStage(Place.parse(text, VARIABLE), kept_hours(environment))

    @cached_property
    def _filesystem(self) -> FileSystem:
        return self.place.filesystem()

    def upload(self, table: TableName, token: int, format_: Format, file_bytes: int | None = None) -> Upload:
        """A new attempt to load a table."""
        name = UNUSUAL.sub("_", str(table))
        folder = f"{self.place.path}/{name}/{token}-{uuid.uuid4().hex}"
        return Upload(self.place, self._filesystem, folder, format_, file_bytes)

    def read(self, file: StageFile) -> Any:
        """A file of a manifest, opened to be read, as its bytes are."""
        with self.place.errors():
            path = file.url.removeprefix(f"{self.place.scheme}://")
            return self._filesystem.open_input_stream(path, compression=None)

    def remove(self, manifest: Manifest) -> None:
        """Take the files of an attempt away before their time."""
        with self.place.errors():
            self._remove(manifest.url.removeprefix(f"{self.place.scheme}://").rpartition("/")[0])

    def clean(self, now: datetime | None = None) -> int:
        """Take the attempts away whose last file is older than `hours`; returns how many these were.

        Whatever else lies below the place stays: only what has an attempt's form is touched.
        """
        limit = (now or datetime.now(UTC)) - timedelta(hours=self.hours)
        with self.place.errors():
            old = [folder for folder, newest in self._attempts() if newest < limit]
            for folder in old:
                self._remove(folder)
        return len(old)

    def _attempts(self) -> Iterator[tuple[str, datetime]]:
        """Each attempt's folder, and when its last file was written."""
        from pyarrow import fs  # noqa: PLC0415  (heavy)

        found: defaultdict[str, list[datetime]] = defaultdict(list)
        selector = fs.FileSelector(self.place.path, allow_not_found=True, recursive=True)
        for info in self._filesystem.get_file_info(selector):
            folder, _, name = info.path.rpartition("/")
            if info.type == fs.FileType.File and _is_attempt(folder) and _is_ours(name):
                found[folder].append(info.mtime.astimezone(UTC))
        for folder, times in found.items():
            yield folder, max(times)

    def _remove(self, folder: str) -> None:
        with suppress(FileNotFoundError):  # another process was faster
            self._filesystem.delete_dir(folder)


def kept_hours(environment: Mapping[str, str]) -> int:
    """How long files are kept that no load came for. Raises `SyncError` where the setting means nothing."""
    hours = environment.get(HOURS_VARIABLE) or str(HOURS)
    if not hours.isdecimal() or int(hours) < 1:
        raise SyncError(f"{HOURS_VARIABLE} is {hours!r}: give a whole number of hours, at least 1")
    return int(hours)


def _is_attempt(folder: str) -> bool:
    token, _, attempt = folder.rpartition("/")[2].partition("-")
    return token.isdecimal() and len(attempt) == 32


def _is_ours(name: str) -> bool:
    return name == "manifest.json" or name.startswith("part-")
