"""Whether each log is read before its server purges it, as a check of each synced table.

The sensors report it every ten minutes, since a table that is left behind is one that no run comes to; the
job `refresh` and whoever asks for it evaluate it as well. It warns and holds nothing back.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager

import dagster as dg

from softcart_assets.failures import failure
from softcart_assets.raw import asset_key
from softcart_assets.sensors.cursor import Cursor
from softcart_assets.sensors.health import grouped
from softcart_assets.sensors.probe import LogProbe
from sync.errors import SyncError
from sync.spec import Strategy, Table

CHECK = "log_is_read_in_time"
DESCRIPTION = "Half of the time for which the server keeps its log is left to read what is new in it."


def followed(tables: Sequence[Table]) -> list[Table]:
    """Those that a log brings up to date."""
    return [table for table in tables if table.strategy is Strategy.LOG and not table.paused]


def check_keys(tables: Sequence[Table]) -> list[dg.AssetCheckKey]:
    return [dg.AssetCheckKey(asset_key(table), CHECK) for table in followed(tables)]


def build_retention_checks(tables: Sequence[Table]) -> list[dg.AssetChecksDefinition]:
    """One step a source that evaluates the checks of its tables."""
    return [_check_source(name, of_source) for name, of_source in grouped(followed(tables))]


@contextmanager
def probe_of(
    context: dg.AssetCheckExecutionContext, source: str, tables: Sequence[Table]
) -> Iterator[LogProbe]:
    """How the tables stand against their source's log, for a check that is evaluated in a run."""
    try:
        with ExitStack() as opened:
            reader = opened.enter_context(getattr(context.resources, source).source())
            writers = {
                name: opened.enter_context(getattr(context.resources, name).target())
                for name in sorted({table.target for table in tables})
            }
            yield LogProbe(tables, reader, writers, Cursor())
    except SyncError as error:
        raise failure([error]) from error


def _check_source(source: str, tables: Sequence[Table]) -> dg.AssetChecksDefinition:
    @dg.multi_asset_check(
        name=f"retention_of_{source}",
        specs=[dg.AssetCheckSpec(CHECK, asset=asset_key(table), description=DESCRIPTION) for table in tables],
        required_resource_keys={source, *(table.target for table in tables)},
        can_subset=True,
    )
    def retention(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        with probe_of(context, source, tables) as probe:
            warnings = probe.unread()
        for table in tables:
            if dg.AssetCheckKey(asset_key(table), CHECK) in context.selected_asset_check_keys:
                yield dg.AssetCheckResult(
                    asset_key=asset_key(table),
                    check_name=CHECK,
                    passed=table not in warnings,
                    severity=dg.AssetCheckSeverity.WARN,
                    description=warnings.get(table),
                )

    return retention


def evaluations(tables: Sequence[Table], warnings: Mapping[Table, str]) -> list[dg.AssetCheckEvaluation]:
    """What a sensor reports of its tables, outside of any run."""
    return [
        dg.AssetCheckEvaluation(
            asset_key=asset_key(table),
            check_name=CHECK,
            passed=table not in warnings,
            severity=dg.AssetCheckSeverity.WARN,
            description=warnings.get(table),
        )
        for table in followed(tables)
    ]
