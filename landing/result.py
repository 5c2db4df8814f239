"""What a landing reports, and how it fails."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace

from sync.errors import SyncError

CONFLICT_KEYS_LISTED = 20


class LandingError(SyncError):
    """A file cannot be landed as it is; the message names the file, what is wrong and the way out."""


@dataclass(frozen=True)
class Merged:
    """What became of a file's good lines. A conflict is a line that the shop's own change has won against;
    `left_out` are lines that a one-time seed no longer takes; `note` says in words what is unusual."""

    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    conflicts: int = 0
    left_out: int = 0
    conflict_keys: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True)
class LandingResult:
    """One landing of one file, in lines (of a dump: rows). A record that a quoted line break spreads over
    several lines counts once, a blank line not at all. Refuses figures that do not account for every line."""

    file: str
    target: str
    present: bool
    rows_in_file: int = 0
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    conflicts: int = 0
    quarantined: int = 0
    left_out: int = 0
    seconds: float = 0.0
    conflict_keys: tuple[str, ...] = ()
    ignored_columns: tuple[str, ...] = ()
    note: str = ""

    def __post_init__(self) -> None:
        known = self.landed + self.conflicts + self.left_out + self.quarantined
        if known != self.rows_in_file:
            raise LandingError(
                f"{self.file}: of {self.rows_in_file} lines {known} are accounted for; nothing was landed"
            )

    @property
    def landed(self) -> int:
        """Lines whose row is in the target, or was until the shop changed it."""
        return self.inserted + self.updated + self.unchanged

    def merged(self, found: Merged) -> LandingResult:
        """The figures with what the merge has found."""
        return replace(self, **vars(found))

    def repeated(self) -> LandingResult:
        """The same figures when the file is met again and nothing has to be written."""
        return replace(self, inserted=0, updated=0, unchanged=self.landed)

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @staticmethod
    def from_json(text: str) -> LandingResult:
        fields = json.loads(text)
        for name in ("conflict_keys", "ignored_columns"):
            fields[name] = tuple(fields[name])
        return LandingResult(**fields)
