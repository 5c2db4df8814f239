"""A probe of a source's log: which of its tables a run would change."""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import dagster as dg

from softcart_assets.raw import asset_key
from softcart_assets.sensors.cursor import Cursor
from sync import probe
from sync.errors import SyncError
from sync.sources.base import LogEnd, LogSource
from sync.spec import Strategy, Table
from sync.targets.base import Target

LONG_SETTING, LONG_ROWS = "SOFTCART_LONG_LOAD_ROWS", 1_000_000
RETENTION_SECONDS = 600.0  # between two looks at the log's retention


def long_rows() -> int:
    """About how many rows make a first load a long one. Raises `SyncError` for what is no whole number."""
    said = os.environ.get(LONG_SETTING) or str(LONG_ROWS)
    if not said.isdigit():
        raise SyncError(f"{LONG_SETTING} is {said!r}: give a number of rows")
    return int(said)


class LogProbe:
    """How `tables` of one source stand against its log now. `cursor` is what the next probe should know.

    Raises `SyncError` where the source or a target cannot be asked.
    """

    def __init__(
        self,
        tables: Sequence[Table],
        reader: LogSource,
        targets: Mapping[str, Target],
        cursor: Cursor,
    ) -> None:
        self.cursor = cursor
        self._reader = reader
        self._targets = targets
        self._end: LogEnd | None = reader.log_end()
        names = {table.target for table in tables}
        states = {name: targets[name].states() for name in names}
        emptied = {name: targets[name].emptied() for name in names}
        self._found = probe.probed_tables(tables, reader, self._end, states, cursor.hints, emptied)
        self._behind = probe.behind(self._found, reader, self._end)
        self._remember_behind()

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
            asset_key(probed.table): probed.state.run_id if probed.state else None for probed in self._found
        }

    def unread(self) -> dict[Table, str]:
        """A warning for each table of which the server may purge something before it was read."""
        if self._end is None:
            return {}
        return probe.purge_warnings(self._found, self._end, self._reader.keeps_log())

    def long_first_loads(self, rows: int) -> list[Table]:
        """The tables that were never loaded and have more rows than so many, as the source estimates."""
        never = [probed.table for probed in self._found if not probed.state]
        return [table for table in never if not table.paused and (self._reader.estimate(table) or 0) > rows]

    def lags(self) -> dict[Table, timedelta]:
        """How long each table has been behind that was loaded once: since its last pass, or since its log was
        first seen to hold more, whichever came later."""
        since = {name: datetime.fromisoformat(at) for name, at in self.cursor.behind_since.items()}
        return {
            table: min(lag, self._end.at - since[table.qualified])
            for table, lag in self.since_last_pass().items()
            if self._end
        }

    def since_last_pass(self) -> dict[Table, timedelta]:
        """How long ago the last pass was of each table that is behind."""
        if self._end is None:
            return {}
        return {
            probed.table: self._end.at - probed.state.synced_at for probed in self._behind if probed.state
        }

    def _remember_behind(self) -> None:
        if self._end is None:
            return
        now, known = self._end.at.isoformat(), self.cursor.behind_since
        names = [probed.table.qualified for probed in self._behind]
        self.cursor = replace(self.cursor, behind_since={name: known.get(name, now) for name in names})

    def is_retention_due(self) -> bool:
        """Whether the log's retention is to be looked at, as every ten minutes; the next probe knows."""
        now = time.time()
        if now - self.cursor.warned_at < RETENTION_SECONDS:
            return False
        self.cursor = replace(self.cursor, warned_at=now)
        return True

    def due(self, left_out: Collection[dg.AssetKey]) -> dict[Table, str]:
        """The tables that a run would change, each with the reason. Where the log names others only, their
        positions move on."""
        behind = [probed for probed in self._behind if asset_key(probed.table) not in left_out]
        findings = probe.find(behind, self._reader, self._end)
        if self._end:
            self._advance(self._behind, findings, self._end)
        return findings.due

    def _advance(self, behind: Sequence[probe.ProbedTable], findings: probe.Findings, end: LogEnd) -> None:
        hints = dict(self.cursor.hints)
        quiet = {table.qualified for table in findings.quiet}
        since = {name: at for name, at in self.cursor.behind_since.items() if name not in quiet}
        for probed in behind:
            table, state = probed.table, probed.state
            hint = None
            if position := findings.quiet.get(table):
                hint = probe.Hint(position)
                if position != probed.start:
                    probe.advance(probed, self._targets[table.target], position, end.at)
            elif table in findings.due:
                hint = probe.Hint(end.position, state.synced_at.isoformat() if state else None)
            if hint and table.strategy is Strategy.WATERMARK:
                hints[probe.hint_name(table)] = hint
        self.cursor = replace(self.cursor, hints=hints, behind_since=since)
