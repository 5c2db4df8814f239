"""The synced tables as assets: one multi-asset a source and target, each table of it can be run alone.

What is synced is declared in `tables.py`; how is the package `sync`. Here is only what Dagster shows of it.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

import dagster as dg
from pydantic import Field

from softcart_assets.failures import failure, names_findings, repair_command
from softcart_assets.load_progress import LoadProgress
from softcart_assets.metadata import OWNER, column_schema, read_columns
from sync.engine import run_passes
from sync.errors import SyncError
from sync.passes import Compare, Options, PassResult
from sync.spec import Column, Table

RECONCILIATION = "reconciliation"
BOOKKEEPING = (
    Column("_batch", "bigint", "the batch that last changed the row"),
    Column("_changed_at", "timestamptz", "when the row's present content came to be, by the source's clock"),
    Column("_deleted", "boolean", "whether the row is gone from the source"),
)


NAMED_KEYS = 20


class SyncConfig(dg.Config):
    """How a pass is run; the job `reconcile` compares everything."""

    compare: Compare = Field(
        default=Compare.COUNTS,
        description="what to compare beyond the rows that may have changed: TOUCHED (nothing), COUNTS (the"
        " numbers of rows, and the whole table where they differ) or ALL (the whole table)",
    )
    reload: bool = Field(
        default=False,
        description="whether to disregard the stored position, and accept a column of another type",
    )


def asset_key(table: Table) -> dg.AssetKey:
    """Where the table is after its sync: `raw/customers`, `production/sales_data`."""
    return dg.AssetKey([table.schema if table.target == "staging" else table.target, table.name])


def source_key(table: Table) -> dg.AssetKey:
    """The table in its source: `shop/customers`, `catalog/electronics`."""
    return dg.AssetKey([table.database, table.source_name])


def described(table: Table) -> str:
    """What the table is; a declaration need not say it."""
    return table.description or f"{table.database}.{table.source_name} of {table.source}, as it is there."


def asset_spec(table: Table, deps: Sequence[dg.AssetKey] = ()) -> dg.AssetSpec:
    """The asset of a synced table; `deps` are upstream assets besides its source."""
    key = asset_key(table)
    return dg.AssetSpec(
        key=key,
        deps=[source_key(table), *deps],
        group_name=key.path[0],
        description=described(table),
        owners=[OWNER],
        kinds={table.source, "postgres"},
        metadata={
            "dagster/table_name": f"{table.target}.{table.qualified}",
            **(column_metadata(table, table.columns) if table.columns else {}),
        },
    )


def column_metadata(table: Table, columns: Sequence[Column]) -> dict[str, Any]:
    """The columns of the target, ours among them, and where the others come from."""
    shown = [*columns]
    if table.document and table.document not in [column.name for column in columns]:
        shown.append(Column(table.document, "jsonb", "the whole document"))
    if not table.adopt:
        shown += BOOKKEEPING
    return {
        "dagster/column_schema": column_schema(shown),
        "dagster/column_lineage": read_columns(columns, source_key(table)),
    }


def build_raw_assets(tables: Sequence[Table], seeds: Sequence[dg.AssetKey]) -> list[dg.AssetsDefinition]:
    """The synced tables' assets; adopted ones depend on `seeds` too, which come before their first sync."""

    def hop(table: Table) -> tuple[str, str]:
        return table.source, table.target

    return [
        _build_hop(hop_name(source, target), list(group), seeds)
        for (source, target), group in groupby(sorted(tables, key=hop), key=hop)
    ]


def hop_name(source: str, target: str) -> str:
    """The op that syncs the tables of one source into one target."""
    return f"sync_{source}_to_{target}"


def _build_hop(name: str, tables: Sequence[Table], seeds: Sequence[dg.AssetKey]) -> dg.AssetsDefinition:
    source, target = tables[0].source, tables[0].target
    specs = [asset_spec(table, seeds if table.adopt else ()) for table in tables]

    @dg.multi_asset(
        name=name,
        specs=specs,
        check_specs=[
            dg.AssetCheckSpec(
                RECONCILIATION,
                asset=spec.key,
                blocking=True,
                description="What the pass read is live or quarantined in the target, row by row.",
            )
            for spec in specs
        ],
        required_resource_keys={source, target},
        can_subset=True,
        pool=target,
    )
    @names_findings
    def sync_tables(
        context: dg.AssetExecutionContext, config: SyncConfig
    ) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
        selected = [table for table in tables if asset_key(table) in context.selected_asset_keys]
        if not selected:
            # Checks alone: everything is compared, and nothing written.
            selected = [table for table in tables if check_key(table) in context.selected_asset_check_keys]
            config = SyncConfig(compare=Compare.ALL)
        is_dry = not context.selected_asset_keys
        failed: list[SyncError] = []
        named = config.compare is Compare.ALL or any(table.adopt for table in selected)
        shown = selected[0].qualified if len(selected) == 1 else f"{len(selected)} tables of {source}"
        options = Options(
            config.compare,
            config.reload,
            dry_run=is_dry,
            name_differing=NAMED_KEYS if named else 0,
            observe=LoadProgress(shown, context.log.info),
        )
        try:
            with (
                getattr(context.resources, source).source() as reader,
                getattr(context.resources, target).target() as writer,
            ):
                for table, outcome in run_passes(selected, reader, writer, context.run.run_id, options):
                    if isinstance(outcome, SyncError):
                        failed.append(outcome)
                    elif is_dry:
                        yield comparison(table, outcome, name)
                    else:
                        yield materialization(table, outcome)
        except SyncError as error:
            failed.append(error)
        if failed:
            raise failure(failed) from failed[0]

    return sync_tables


def check_key(table: Table) -> dg.AssetCheckKey:
    return dg.AssetCheckKey(asset_key(table), RECONCILIATION)


def comparison(table: Table, result: PassResult, op: str) -> dg.AssetCheckResult:
    """What a comparison of every row with the source found, which wrote nothing."""
    found = [*map(str, result.differing), *result.differences]
    repair = repair_command(asset_key(table), op, {"compare": Compare.ALL.name})
    return dg.AssetCheckResult(
        asset_key=asset_key(table),
        check_name=RECONCILIATION,
        passed=not result.changed and not result.differences,
        description=f"{result.changed} of the rows differ: {'; '.join(found)}. To repair it: {repair}"
        if found or result.changed
        else None,
        metadata={"read": result.read, "rows": result.rows, "quarantined": result.quarantined},
    )


def materialization(table: Table, result: PassResult) -> dg.MaterializeResult[Any]:
    """What a pass shows of itself: its figures, and its reconciliation as a check."""
    # Dagster reads lineage from materializations; what is not declared is known only now anyway.
    found = column_metadata(table, result.columns)
    notes = list(result.notes)
    if not result.source_exists:
        notes.append(f"{table.source} has no {table.database}.{table.source_name} yet")
    if result.paused:
        notes.append("the table is paused by its declaration; nothing was read")
    if notes:
        found["note"] = "; ".join(notes)
    if result.differing:
        found["differed"] = ", ".join(map(str, result.differing))
    return dg.MaterializeResult(
        asset_key=asset_key(table),
        # The batch that last changed the table: what is downstream can run only when it is another one.
        data_version=None if result.batch is None else dg.DataVersion(str(result.batch)),
        metadata={
            "dagster/row_count": result.rows,
            "read": result.read,
            "inserted": result.inserted,
            "updated": result.updated,
            "deleted": result.deleted,
            "quarantined": result.quarantined,
            "strategy": str(result.strategy),
            "compared": result.compared,
            "batch": result.batch,
            "position_before": result.position_before,
            "position_after": result.position_after,
            "lag_seconds": None if result.lag_seconds is None else round(result.lag_seconds, 3),
            "seconds": round(result.seconds, 3),
            **found,
        },
        check_results=[
            dg.AssetCheckResult(
                asset_key=asset_key(table),
                check_name=RECONCILIATION,
                passed=not result.differences,
                description="; ".join(result.differences) or None,
                metadata={"read": result.read, "rows": result.rows, "quarantined": result.quarantined},
            )
        ],
    )
