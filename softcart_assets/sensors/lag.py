"""How far each synced table is behind its source, as a check that its sensor reports when it changes.

A table is behind from the moment at which its log was first seen to hold something that a pass has not read,
not from its last pass: after a quiet night, the first sale of the morning makes no table eight hours late.
"""

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import timedelta

import dagster as dg

from softcart_assets.raw import asset_key
from softcart_assets.sensors.health import followed, grouped
from softcart_assets.sensors.log_retention import probe_of
from sync.errors import SyncError
from sync.spec import Table

CHECK = "lag_is_within_bound"
SETTING, DEFAULT_MINUTES = "SOFTCART_MAX_LAG_MINUTES", 10.0
DESCRIPTION = "What is new in the source's log has arrived within the bound."


def bound() -> timedelta:
    """The lag that is allowed. Raises `SyncError` for a setting that is no number above nothing."""
    said = os.environ.get(SETTING) or str(DEFAULT_MINUTES)
    try:
        minutes = float(said)
    except ValueError:
        minutes = 0
    if not minutes > 0:
        raise SyncError(f"{SETTING} is {said!r}: give a number of minutes")
    return timedelta(minutes=minutes)


def check_keys(tables: Sequence[Table]) -> list[dg.AssetCheckKey]:
    return [dg.AssetCheckKey(asset_key(table), CHECK) for table in followed(tables)]


def late(lags: Mapping[Table, timedelta], allowed: timedelta) -> dict[Table, str]:
    """The tables that are further behind than is allowed, with what to say of them."""
    return {
        table: (
            f"{table.qualified} has been behind {table.source} for {_minutes(lag)}, and {_minutes(allowed)}"
            f" are allowed ({SETTING}): see its last run, or sync it by hand:"
            f" dagster asset materialize -f definitions.py --select {asset_key(table).to_user_string()}"
        )
        for table, lag in lags.items()
        if lag > allowed
    }


def _minutes(period: timedelta) -> str:
    minutes = period.total_seconds() / 60
    return f"{minutes:.0f} minutes" if minutes >= 1 else f"{period.total_seconds():.0f} seconds"


def changes(
    tables: Sequence[Table], before: Collection[str] | None, now: Mapping[Table, str]
) -> list[dg.AssetCheckEvaluation]:
    """What a sensor reports: the tables that became late or are so no more since the names in `before`, all
    of them where that is None."""
    names = {table.qualified for table in now}
    return [
        dg.AssetCheckEvaluation(
            asset_key=asset_key(table),
            check_name=CHECK,
            passed=table not in now,
            severity=dg.AssetCheckSeverity.ERROR,
            description=now.get(table),
        )
        for table in tables
        if before is None or (table.qualified in names) != (table.qualified in before)
    ]


def build_lag_checks(tables: Sequence[Table]) -> list[dg.AssetChecksDefinition]:
    """One step a source that evaluates the checks of its tables.

    No job has them: asked for by hand they know nothing of when a table was first seen to be behind, and
    count from its last pass.
    """
    return [_check_source(source, of_source) for source, of_source in grouped(followed(tables))]


def _check_source(source: str, tables: Sequence[Table]) -> dg.AssetChecksDefinition:
    @dg.multi_asset_check(
        name=f"lag_of_{source}",
        specs=[dg.AssetCheckSpec(CHECK, asset=asset_key(table), description=DESCRIPTION) for table in tables],
        required_resource_keys={source, *(table.target for table in tables)},
        can_subset=True,
    )
    def lag(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        with probe_of(context, source, tables) as probe:
            found = late(probe.since_last_pass(), bound())
        for table in tables:
            if dg.AssetCheckKey(asset_key(table), CHECK) in context.selected_asset_check_keys:
                yield dg.AssetCheckResult(
                    asset_key=asset_key(table),
                    check_name=CHECK,
                    passed=table not in found,
                    description=found.get(table),
                )

    return lag
