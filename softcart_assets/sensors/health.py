"""Whether each synced table is followed, as a check of it.

The sensors report it when it changes, so that a system that is down is to be seen at every table that waits
for it, long before the table is too old. The jobs of the whole graph evaluate it as well.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby

import dagster as dg

from softcart_assets.raw import asset_key
from sync.errors import SyncError
from sync.spec import Table

LOG_SOURCES = {"mysql", "mongodb"}  # which have a sensor each
CHECK = "is_followed"
DESCRIPTION = "The table's source and target answer, and the sensor looks for what is new in it."


def followed(tables: Sequence[Table]) -> list[Table]:
    """Those that a sensor looks after."""
    return [table for table in tables if table.source in LOG_SOURCES and not table.paused]


def check_keys(tables: Sequence[Table]) -> list[dg.AssetCheckKey]:
    return [dg.AssetCheckKey(asset_key(table), CHECK) for table in followed(tables)]


def changes(tables: Sequence[Table], before: str | None, now: str) -> list[dg.AssetCheckEvaluation]:
    """What a sensor reports of its tables when what stands in its way becomes another thing, or nothing."""
    if before == now:
        return []
    return [
        dg.AssetCheckEvaluation(
            asset_key=asset_key(table),
            check_name=CHECK,
            passed=not now,
            severity=dg.AssetCheckSeverity.ERROR,
            description=now or None,
        )
        for table in tables
    ]


def grouped(tables: Sequence[Table]) -> list[tuple[str, list[Table]]]:
    """The tables of each source."""

    def source(table: Table) -> str:
        return table.source

    return [(name, list(group)) for name, group in groupby(sorted(tables, key=source), key=source)]


def build_health_checks(tables: Sequence[Table]) -> list[dg.AssetChecksDefinition]:
    """One step a source that evaluates the checks of its tables."""
    return [_check_source(name, of_source) for name, of_source in grouped(followed(tables))]


def _check_source(source: str, tables: Sequence[Table]) -> dg.AssetChecksDefinition:
    targets = sorted({table.target for table in tables})

    @dg.multi_asset_check(
        name=f"health_of_{source}",
        specs=[dg.AssetCheckSpec(CHECK, asset=asset_key(table), description=DESCRIPTION) for table in tables],
        required_resource_keys={source, *targets},
        can_subset=True,
    )
    def health(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        obstacle = None
        try:
            with getattr(context.resources, source).source() as reader:
                reader.log_end()
            for name in targets:
                with getattr(context.resources, name).target() as target:
                    target.states()
        except SyncError as error:
            obstacle = str(error)
        for table in tables:
            if dg.AssetCheckKey(asset_key(table), CHECK) in context.selected_asset_check_keys:
                yield dg.AssetCheckResult(
                    asset_key=asset_key(table),
                    check_name=CHECK,
                    passed=obstacle is None,
                    description=obstacle,
                )

    return health
