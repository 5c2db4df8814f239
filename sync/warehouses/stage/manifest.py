"""What one attempt wrote: its files and the rows in each."""

from __future__ import annotations

import json
from dataclasses import dataclass


@dataclass(frozen=True)
class StageFile:
    """One file, by its URL, with its rows and its size as it lies there."""

    url: str
    rows: int
    size: int


@dataclass(frozen=True)
class Manifest:
    """The files of one attempt. A load names them, and never a prefix, and is counted against `rows`."""

    url: str
    files: tuple[StageFile, ...]

    @property
    def rows(self) -> int:
        return sum(file.rows for file in self.files)

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)

    def as_json(self) -> str:
        """In the form that Redshift's UNLOAD writes and its COPY reads, which fails without every file."""
        entries = [
            {
                "url": file.url,
                "mandatory": True,
                "meta": {"content_length": file.size, "record_count": file.rows},
            }
            for file in self.files
        ]
        return json.dumps({"entries": entries}, indent=1)
