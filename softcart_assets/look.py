"""A look at a source's log: which of its tables a run would change."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import dagster as dg

from softcart_assets.memory import Memory
from softcart_assets.raw import asset_key
from sync import probe
from sync.sources.base import LogEnd, LogSource
from sync.spec import Strategy, Table
from sync.targets.base import Target

RETENTION_SECONDS = 600.0  # between two looks at the log's retention


class Look:
    """How `tables` of one source stand against its log now. `memory` is what the next look should know.

    Raises `SyncError` where the source or a target cannot be asked.
    """

    def __init__(
        self,
        tables: Sequence[Table],
        reader: LogSource,
        targets: Mapping[str, Target],
        memory: Memory,
    ) -> None:
        self.memory = memory
        self._reader = reader
        self._targets = targets
        self._end: LogEnd | None = reader.log_end()
        names = {table.target for table in tables}
        states = {name: targets[name].states() for name in names}
        emptied = {name: targets[name].emptied() for name in names}
        self._found = probe.standings(tables, reader, self._end, states, memory.hints, emptied)
        self._behind = probe.behind(self._found, reader, self._end)

    @property
    def keeps_log(self) -> bool:
        """Whether the source shows this user a log at all."""
        return self._end is not None

    @property
    def is_behind(self) -> bool:
        """Whether a run may change something, as far as is known without reading the log."""
        return bool(self._behind)

    @property
    def last_runs(self) -> dict[dg.AssetKey, str | None]:
        """The run that last committed each table."""
        return {
            asset_key(standing.table): standing.state.run_id if standing.state else None
            for standing in self._found
        }

    def unread(self) -> dict[Table, str]:
        """A warning for each table of which the server may purge something before it was read."""
        if self._end is None:
            return {}
        return probe.purge_warnings(self._found, self._end, self._reader.keeps_log())

    def is_retention_due(self) -> bool:
        """Whether the log's retention is to be looked at, as every ten minutes; the next look knows of it."""
        now = time.time()
        if now - self.memory.warned_at < RETENTION_SECONDS:
            return False
        self.memory = replace(self.memory, warned_at=now)
        return True

    def due(self, left_out: Collection[dg.AssetKey]) -> dict[Table, str]:
        """The tables that a run would change, each with the reason. Where the log names others only, their
        positions move on."""
        behind = [standing for standing in self._behind if asset_key(standing.table) not in left_out]
        findings = probe.find(behind, self._reader, self._end)
        if self._end:
            self._advance(self._behind, findings, self._end)
        return findings.due

    def _advance(self, behind: Sequence[probe.Standing], findings: probe.Findings, end: LogEnd) -> None:
        hints = dict(self.memory.hints)
        for standing in behind:
            table, state = standing.table, standing.state
            hint = None
            if position := findings.quiet.get(table):
                hint = probe.Hint(position)
                if position != standing.start:
                    probe.advance(standing, self._targets[table.target], position, end.at)
            elif table in findings.due:
                hint = probe.Hint(end.position, state.synced_at.isoformat() if state else None)
            if hint and table.strategy is Strategy.WATERMARK:
                hints[probe.hint_name(table)] = hint
        self.memory = replace(self.memory, hints=hints)
