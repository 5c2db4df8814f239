"""What changed in a source since its tables were synced, asked of its log for a moment and without a pass.

The positions are those stored with the tables in their targets. Where the log names only other tables, the
position moves on, so that the next look is short and the server may purge what was looked at.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sync.errors import LeaseTaken, SyncError, TransientError
from sync.sources.base import LogEnd, LogSource
from sync.spec import Strategy, Table
from sync.table_state import TableState
from sync.targets.base import Target

LIMIT_KEYS = 1000
LIMIT_SECONDS = 2.0


@dataclass(frozen=True)
class Hint:
    """Up to where the log was looked at for a table whose own position is none in the log, a watermark.

    It holds once a pass has ended that was not over when it was made: `before` is when the table was synced
    then, None where that does not matter.
    """

    position: str
    before: str | None = None


@dataclass(frozen=True)
class ProbedTable:
    """Where a table stands. `start` is the place from which the log says what the table lacks; `reason` says
    why only a pass can tell. With neither, nobody can."""

    table: Table
    state: TableState | None
    start: str | None = None
    reason: str = ""


@dataclass(frozen=True)
class Findings:
    """`due` are tables that a pass would change, or that only a pass can tell about, with the reason; `quiet`
    those that the log does not name, with the position up to which it was read."""

    due: dict[Table, str] = field(default_factory=dict)
    quiet: dict[Table, str] = field(default_factory=dict)


def probed_tables(
    tables: Iterable[Table],
    source: LogSource,
    end: LogEnd | None,
    states: Mapping[str, Mapping[tuple[str, str], TableState]],
    hints: Mapping[str, Hint],
    emptied: Mapping[str, Collection[tuple[str, str]]],
) -> list[ProbedTable]:
    """Where each table stands; `states` are those of each target, `hints` by `hint_name`, and `emptied` the
    tables of each target that somebody else has emptied or dropped."""
    found = []
    for table in tables:
        state = states[table.target].get((table.schema, table.name))
        hint = hints.get(hint_name(table)) if table.strategy is Strategy.WATERMARK else None
        if state and not table.paused and (table.schema, table.name) in emptied[table.target]:
            found.append(ProbedTable(table, state, reason="somebody else has emptied or dropped it"))
        else:
            found.append(_probed(table, source, end, state, hint))
    return found


def _probed(
    table: Table, source: LogSource, end: LogEnd | None, state: TableState | None, hint: Hint | None
) -> ProbedTable:
    if state is None:
        return ProbedTable(table, state, reason="it was never synced")
    if state.strategy != table.strategy:
        return ProbedTable(table, state, reason=f"its strategy was {state.strategy} before")
    if state.retry:
        return ProbedTable(table, state, reason="its rows in quarantine are to be read again")
    if end is None:
        return ProbedTable(table, state)
    if state.position is not None and source.follows(state.position):
        return ProbedTable(table, state, state.position)
    if hint is not None and hint.before != state.synced_at.isoformat():
        return ProbedTable(table, state, hint.position)
    return ProbedTable(table, state, reason="it is not known since when it was synced")


def hint_name(table: Table) -> str:
    return f"{table.target}.{table.qualified}"


def behind(found: Iterable[ProbedTable], source: LogSource, end: LogEnd | None) -> list[ProbedTable]:
    """The tables that a pass may change, as far as is known without reading the log."""
    return [
        probed
        for probed in found
        if probed.reason or (probed.start and end and not source.reached(probed.start, end))
    ]


def find(
    found: Iterable[ProbedTable],
    source: LogSource,
    end: LogEnd | None,
    limit: int = LIMIT_KEYS,
    seconds: float = LIMIT_SECONDS,
) -> Findings:
    """Read the log up to its end, or to a limit, for tables that are behind.

    A log that does not lead from a table's position to its end any more makes the table due: its pass will
    say what to do. Raises `TransientError` when the source cannot be reached.
    """
    findings = Findings()
    starts: dict[str, list[Table]] = {}
    for probed in found:
        if probed.reason:
            findings.due[probed.table] = probed.reason
        elif probed.start:
            starts.setdefault(probed.start, []).append(probed.table)
    for start, tables in starts.items():  # not at once: a table must not be due for what it has seen
        assert end is not None
        try:
            changes = source.touched(dict.fromkeys(tables, start), end, limit, seconds)
        except TransientError:
            raise
        except SyncError as error:
            findings.due.update(dict.fromkeys(tables, str(error)))
            continue
        for table in tables:
            touched = changes.touched[table]
            if touched.reload or touched.rows:
                findings.due[table] = touched.reload or f"{touched.rows} rows or more changed"
            elif changes.position == start and not changes.complete:
                findings.due[table] = f"its log could not be looked through in {seconds:g} s"
            else:
                findings.quiet[table] = changes.position
    return findings


def advance(probed: ProbedTable, target: Target, position: str, at: datetime) -> bool:
    """Store that the table shows its source up to a position of `at`, which the log has proved.

    Returns False where another pass holds the table's lease, or has moved the table meanwhile.
    """
    if probed.state is None or probed.start != probed.state.position:
        return False
    try:
        with target.load(probed.table, wait_seconds=0) as load:
            if load.state != probed.state:
                return False
            load.advance(position, at)
    except LeaseTaken:
        return False
    return True


def purge_warnings(found: Iterable[ProbedTable], end: LogEnd, kept: timedelta | None) -> dict[Table, str]:
    """A warning for each table that has used up half of the time for which the server keeps its log."""
    warnings = {}
    for probed in found:
        if kept is None or probed.state is None or probed.start is None:
            continue
        lag = end.at - probed.state.synced_at
        if lag > kept / 2:
            name = probed.table.qualified
            warnings[probed.table] = (
                f"{name} is {_hours(lag)} behind, and the server keeps its log for {_hours(kept)}: sync it"
                f" before what it has not seen is purged, or keep the log for longer"
            )
    return warnings


def _hours(period: timedelta) -> str:
    hours = period.total_seconds() / 3600
    return f"{hours:.1f} hours" if hours < 48 else f"{hours / 24:.1f} days"
