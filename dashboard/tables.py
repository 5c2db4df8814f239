"""What the dashboard says of the platform's tables: how fresh they are, and whether all is there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class TableStatus:
    """A table on its way: its live rows in staging, in production where it goes there, how many are in
    quarantine, and when its rows last changed, by the source's clock where that is known."""

    name: str
    staging: int
    production: int | None = None
    quarantined: int = 0
    changed_at: datetime | None = None

    @property
    def is_sound(self) -> bool:
        """Whether nothing is missing: production has as many rows, and none is in quarantine."""
        return self.quarantined == 0 and self.production in (None, self.staging)

    @property
    def finding(self) -> str:
        """Its state in a few words."""
        if self.production not in (None, self.staging):
            return f"{self.production:,} in production"
        if self.quarantined:
            return f"{self.quarantined:,} in quarantine"
        return "complete" if self.production is None else "equal in production"
