"""The files of one attempt to load one table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sync.object_store import Place
from sync.warehouses.stage.formats import Encoder, Format, Rows
from sync.warehouses.stage.manifest import Manifest, StageFile

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

# Of a file before compression. Warehouses load files side by side, and like a few tens of megabytes each.
FILE_BYTES = 64 << 20


class Upload:
    """Writes rows into files below one folder, which nobody else writes to; memory is that of one portion.

    Nothing is seen of a file before it is whole. Who raises in between leaves whole files without a manifest,
    which the cleaning takes away.
    """

    def __init__(
        self,
        place: Place,
        filesystem: FileSystem,
        folder: str,
        format_: Format,
        file_bytes: int | None = None,
    ) -> None:
        self._place = place
        self._filesystem = filesystem
        self._folder = folder
        self._format = format_
        self._file_bytes = file_bytes or FILE_BYTES
        self._files: list[StageFile] = []
        self._stream: Any = None
        self._encoder: Encoder | None = None
        self._path = ""
        self._rows = self._bytes = 0

    def write(self, rows: Rows) -> None:
        """Append a portion of rows."""
        if not rows:
            return
        with self._place.errors():
            encoder = self._encoder or self._begin()
            self._bytes += encoder.write(rows)
            self._rows += len(rows)
            if self._bytes >= self._file_bytes:
                self._end()

    def close(self) -> Manifest:
        """End the last file and write the manifest beside the files; without a row there are none."""
        with self._place.errors():
            if self._encoder is not None:
                self._end()
            path = f"{self._folder}/manifest.json"
            manifest = Manifest(self._place.url(path), tuple(self._files))
            self._prepare()
            with self._filesystem.open_output_stream(path) as stream:
                stream.write(manifest.as_json().encode())
        return manifest

    def _begin(self) -> Encoder:
        self._prepare()
        self._path = f"{self._folder}/part-{len(self._files):05d}.{self._format.suffix}"
        # A stream as pyarrow opens it by itself would be compressed once more, by the name's ending.
        self._stream = self._filesystem.open_output_stream(self._path, compression=None)
        self._encoder = self._format.begin(self._stream)
        self._rows = self._bytes = 0
        return self._encoder

    def _prepare(self) -> None:
        if self._place.scheme == "file":  # a bucket has no folders
            self._filesystem.create_dir(self._folder, recursive=True)

    def _end(self) -> None:
        assert self._encoder is not None
        self._encoder.finish()
        self._stream.close()
        size = int(self._filesystem.get_file_info(self._path).size)
        self._files.append(StageFile(self._place.url(self._path), self._rows, size))
        self._encoder = self._stream = None
