"""What is known of a table's last pass, whatever stores it: no driver is loaded for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

LEASE_WAIT_SECONDS = 60.0  # how long a pass waits for another that writes the same table


@dataclass(frozen=True)
class TableState:
    """Where a table's last pass ended, and what it did. `source` names where its rows come from, without any
    password; `retry` asks the next pass to read again what is in quarantine; `declaration` is the table's, as
    JSON; `key_is_unique` says whether the source vouched for its key."""

    source: str
    strategy: str
    position: str | None
    batch: int | None
    run_id: str
    rows: int
    quarantined: int
    synced_at: datetime
    columns: list[str] | None = None
    retry: bool = False
    compared_at: datetime | None = None
    read: int | None = None
    inserted: int | None = None
    updated: int | None = None
    deleted: int | None = None
    seconds: float | None = None
    declaration: str | None = None
    key_is_unique: bool | None = None
