"""What was read of a place that holds files or objects."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class SourceObject:
    """A file or an object as it was listed or read: `lines` is the number of the last line that was read of
    it, `rejected` how many of them went to the quarantine."""

    name: str
    etag: str
    size: int
    modified_at: datetime
    lines: int = 0
    rejected: int = 0

    def is_same(self, other: SourceObject | None) -> bool:
        """Whether the other one of this name has the same content, as far as the store tells."""
        return other is not None and (self.etag, self.size) == (other.etag, other.size)


@dataclass(frozen=True)
class ObjectsRead:
    """What a pass read, and the names of objects that are not known any more since they are gone."""

    read: tuple[SourceObject, ...] = ()
    gone: tuple[str, ...] = ()
