"""What a sensor carries from tick to tick. Nothing depends on it: the positions are with the data."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace

from sync.probe import Hint

FIRST_WAIT, LONGEST_WAIT = 5.0, 60.0  # seconds after a tick that could not reach a system


@dataclass(frozen=True)
class Cursor:
    """`hints` by `sync.probe.hint_name`. `failures` is the number of ticks in a row that could not look,
    `again` the time of the next try, `warned_at` when the log's retention was last looked at (both in seconds
    since 1970). `obstacle` is why the last tick could not look, empty where it could; None before the first
    one. `beat_at` is when the sensor last said that it looks. `behind_since` has the moment, by the source's
    clock, from which on a table was seen to be behind; `late` are those of which was reported that they are
    further behind than is allowed, None before the first report."""

    hints: dict[str, Hint] = field(default_factory=dict)
    failures: int = 0
    again: float = 0.0
    warned_at: float = 0.0
    obstacle: str | None = None
    beat_at: float = 0.0
    behind_since: dict[str, str] = field(default_factory=dict)
    late: list[str] | None = None

    @classmethod
    def parse(cls, cursor: str | None) -> Cursor:
        """From a sensor's cursor; a new one where that is none of ours."""
        try:
            value = json.loads(cursor or "{}")
            hints = {name: Hint(**hint) for name, hint in value.pop("hints", {}).items()}
            return cls(hints, **value)
        except (ValueError, TypeError, AttributeError):
            return cls()

    def failed(self, now: float, obstacle: str) -> Cursor:
        """After one more tick that could not look."""
        wait = min(FIRST_WAIT * 2**self.failures, LONGEST_WAIT)
        return replace(self, failures=self.failures + 1, again=now + wait, obstacle=obstacle)

    def __str__(self) -> str:
        return json.dumps(asdict(self))
