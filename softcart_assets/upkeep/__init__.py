"""What keeps the platform's own state small, each hour: Dagster's storage pruned, and staging without bloat.
Neither touches a row that somebody reads.

And what keeps it safe, each night: `backups`."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg

from softcart_assets.automation import UPKEEP_GROUP as GROUP
from softcart_assets.failures import failure
from softcart_assets.metadata import OWNER
from softcart_assets.raw import asset_key
from softcart_assets.seams import asset_graph, in_process, materialized_at
from softcart_assets.switches import cron_of, schedule_status
from softcart_assets.upkeep import backups
from softcart_assets.upkeep.bloat import remove_tombstones, sizes, vacuum_bloated
from softcart_assets.upkeep.run_storage import QUIET_TAGS, Rules, metadata, prune
from sync.errors import SyncError
from sync.spec import Table

LARGEST = 20

upkeep = dg.define_asset_job(
    "upkeep",
    selection=dg.AssetSelection.assets([GROUP, "run_storage"], [GROUP, "staging"]),
    executor_def=in_process,
    tags={QUIET_TAGS[1]: "hourly"},
    description="Prune Dagster's runs and events by age, and what staging keeps without use.",
)


def hourly_upkeep() -> dg.ScheduleDefinition:
    """Twenty minutes after each full hour."""
    return dg.ScheduleDefinition(
        name="hourly_upkeep",
        job=upkeep,
        cron_schedule=cron_of("hourly_upkeep", "20 * * * *"),
        default_status=schedule_status(),
        description="Dagster's storage and staging pruned, twenty minutes after each full hour.",
    )


def build_upkeep_assets(tables: Sequence[Table]) -> list[dg.AssetsDefinition]:
    """An asset for Dagster's storage, one for staging, and one for backups where they are wanted."""
    saved = [backups.backup] if backups.is_wanted() else []
    return [_run_storage(), _staging([table for table in tables if table.target == "staging"]), *saved]


def _run_storage() -> dg.AssetsDefinition:
    @dg.asset(
        key=[GROUP, "run_storage"],
        group_name=GROUP,
        owners=[OWNER],
        kinds={"postgres"},
        description=(
            "Dagster's runs and events without those that are older than SOFTCART_KEEP_RUNS_DAYS, or than"
            " SOFTCART_KEEP_QUIET_HOURS where a sensor asked for them; failures, and the last materialization"
            " of each asset and partition, stay."
        ),
    )
    def run_storage(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
        try:
            return dg.MaterializeResult(metadata=metadata(prune(context.instance, Rules.from_environment())))
        except SyncError as error:
            raise failure([error]) from error

    return run_storage


def _staging(tables: Sequence[Table]) -> dg.AssetsDefinition:
    @dg.asset(
        key=[GROUP, "staging"],
        group_name=GROUP,
        owners=[OWNER],
        kinds={"postgres"},
        required_resource_keys={"staging"},
        description=(
            "Staging without dead rows, and without tombstones older than SOFTCART_KEEP_TOMBSTONES_DAYS that"
            " everything behind them has read."
        ),
    )
    def staging(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
        try:
            with context.resources.staging.connect() as connection:
                removed = remove_tombstones(
                    connection, tables, {table: _read_at(context, table) for table in tables}
                )
                vacuumed = vacuum_bloated(connection)
                found = sizes(connection)
        except SyncError as error:
            raise failure([error]) from error
        largest = sorted(found, key=lambda table: -table.size)[:LARGEST]
        return dg.MaterializeResult(
            metadata={
                "tombstones_removed": sum(removed.values()),
                "vacuumed": ", ".join(vacuumed) or "nothing",
                "dead_rows": sum(table.dead for table in found),
                "megabytes": round(sum(table.size for table in found) / 1e6, 1),
                "largest": dg.MetadataValue.table(
                    [
                        dg.TableRecord(
                            {
                                "table": f"{table.schema}.{table.name}",
                                "rows": table.live,
                                "dead": table.dead,
                                "megabytes": round(table.size / 1e6, 1),
                            }
                        )
                        for table in largest
                    ]
                ),
            }
        )

    return staging


def _read_at(context: dg.AssetExecutionContext, table: Table) -> datetime | None:
    """When the last of all assets that read the table directly had read it; None where one never did."""
    readers = asset_graph(context.repository_def).get(asset_key(table)).child_keys
    moments = list(materialized_at(context.instance, sorted(readers)).values())
    if not moments or None in moments:
        return None
    # A day less, since a pass that was under way then may have committed behind the reader.
    return datetime.fromtimestamp(min(moment for moment in moments if moment), UTC) - timedelta(days=1)
