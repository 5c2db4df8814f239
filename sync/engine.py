"""Passes over tables: read at one moment, stage beside the target, apply the difference.

The engine knows no system; what differs between systems lives behind the protocols in `sources/base.py` and
`targets/base.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sync.connections.postgresql import named
from sync.errors import SyncError
from sync.follow import follow
from sync.passes import Options, PassResult
from sync.sources.base import Source
from sync.spec import Strategy, Table
from sync.table_pass import TablePass, paused
from sync.targets.base import Target


def run_passes(
    tables: Sequence[Table], source: Source, target: Target, run_id: str, options: Options | None = None
) -> Iterator[tuple[Table, PassResult | SyncError]]:
    """Bring each of `tables` in the target to the source's state, recording `run_id` with it.

    Yields what a pass did as soon as it is committed. One that fails leaves its table as it was and holds no
    other table back; a `TransientError` among them says that the same pass may succeed later, and an
    `UnexpectedError` that the fault is the program's.
    """
    options = options or Options()
    following = []
    for table in tables:
        try:
            _check(table, source)
            if table.strategy is Strategy.LOG and not table.paused:
                following.append(table)
            else:
                yield table, _run_alone(table, source, target, run_id, options)
        except Exception as error:
            yield table, named(table.qualified, error)
    if following:
        yield from follow(following, source, target, run_id, options).items()


def run_pass(
    table: Table, source: Source, target: Target, run_id: str, options: Options | None = None
) -> PassResult:
    """One pass over one table. Raises `TransientError` where the same pass may succeed later and `SyncError`
    where something has to change first; in both cases nothing was written."""
    ((_, outcome),) = run_passes([table], source, target, run_id, options)
    if isinstance(outcome, SyncError):
        raise outcome
    return outcome


def _check(table: Table, source: Source) -> None:
    if table.strategy not in source.capabilities.strategies:
        known = ", ".join(sorted(source.capabilities.strategies))
        raise SyncError(
            f"{table.qualified}: {source.system} cannot follow the strategy {table.strategy}; declare one of"
            f" {known}"
        )


def _run_alone(table: Table, source: Source, target: Target, run_id: str, options: Options) -> PassResult:
    with target.load(table, options.wait_seconds, options.dry_run) as load:
        if table.paused:
            return paused(table, load.state)
        moving = TablePass(table, source, load, run_id, options)
        moving.prepare()
        return moving.run()
