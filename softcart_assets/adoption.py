"""Tables that somebody else made in production, where that is no target of the sync engine.

The engine syncs their sources into staging, and from there the shared columns are merged by key into
production, as it would do itself. On PostgreSQL these tables need no module of their own: see `raw.py`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import dagster as dg

from softcart_assets.failures import failure, names_findings
from softcart_assets.metadata import OWNER, table_metadata
from softcart_assets.production import warehouse_kind
from softcart_assets.raw import RECONCILIATION, asset_key, described
from sync.errors import SyncError
from sync.spec import Deletes, Table
from sync.warehouses.adopt import AdoptResult, adopt
from sync.warehouses.schema import TableName

STEP = "adopt_into_production"
SCHEMA = "adopted"


def by_way_of_staging(tables: Sequence[Table]) -> list[Table]:
    """The synced tables with staging as the target of all: the adopted ones lie in a schema of their own."""
    return [
        replace(table, target="staging", schema=SCHEMA, adopt=False, deletes=Deletes.TOMBSTONE)
        if table.target == "production"
        else table
        for table in tables
    ]


def build_adoption_assets(tables: Sequence[Table], seeds: Sequence[dg.AssetKey]) -> list[dg.AssetsDefinition]:
    """The step that merges the adopted ones of `tables`, as they are declared, into production.

    It needs the resources `staging` and `production`. An asset depends on its table in staging and on
    `seeds`, which come before its first merge.
    """
    adopted = [table for table in tables if table.target == "production"]
    if not adopted:
        return []
    staged = dict(zip(map(asset_key, adopted), by_way_of_staging(adopted), strict=True))

    @dg.multi_asset(
        name=STEP,
        specs=[_spec(table, asset_key(staged[asset_key(table)]), seeds) for table in adopted],
        check_specs=[
            dg.AssetCheckSpec(
                RECONCILIATION,
                asset=asset_key(table),
                blocking=True,
                description="What was merged was read back from production, row by row.",
            )
            for table in adopted
        ],
        required_resource_keys={"staging", "production"},
        can_subset=True,
        pool="production",
    )
    @names_findings
    def adopt_into_production(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[Any]]:
        try:
            with (
                context.resources.staging.snapshots() as staging,
                context.resources.production.warehouse() as warehouse,
            ):
                for table in adopted:
                    if asset_key(table) in context.selected_asset_keys:
                        source, into = TableName(SCHEMA, table.name), TableName(table.schema, table.name)
                        result = adopt(staging, warehouse, source, into, context.run.run_id)
                        yield _materialized(asset_key(table), result)
        except SyncError as error:
            raise failure([error]) from error

    return [adopt_into_production]


def _spec(table: Table, upstream: dg.AssetKey, seeds: Sequence[dg.AssetKey]) -> dg.AssetSpec:
    return dg.AssetSpec(
        asset_key(table),
        deps=[upstream, *seeds],
        group_name="production",
        description=described(table),
        owners=[OWNER],
        kinds={warehouse_kind()},
        metadata=table_metadata(f"production.{table.qualified}", table.columns, upstream),
    )


def _materialized(key: dg.AssetKey, result: AdoptResult) -> dg.MaterializeResult[Any]:
    """What a merge did; rows that production cannot hold are in its quarantine."""
    return dg.MaterializeResult(
        asset_key=key,
        metadata={
            "dagster/row_count": result.rows,
            "inserted": result.inserted,
            "updated": result.updated,
            "deleted": 0,
            "quarantined": result.rejected,
        },
        check_results=[dg.AssetCheckResult(asset_key=key, check_name=RECONCILIATION, passed=True)],
    )
