"""The lake: every raw table, the star and the landed files as Delta tables, filled by what changed.

What a table of the lake is and how it follows its table in staging is the package `lake`; here is which
tables there are, and what Dagster shows of them. Sensors leave the lake alone: who reads it reads it once a
day, and the way to production has not to wait for it.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

import dagster as dg
from pydantic import Field

from lake.fill import Filled, fill
from lake.maintenance import Maintained, maintain
from lake.search.tables import SEARCH_TERMS
from lake.spec import LakeTable
from softcart_assets.dbt.graph import Project
from softcart_assets.failures import failure
from softcart_assets.landing import HISTORY, SEARCHES
from softcart_assets.metadata import OWNER, copied_columns, table_metadata
from sync.connections.postgresql import named
from sync.errors import SyncError
from sync.spec import Column, Table
from weblog.lake import TABLE as WEBLOG

GROUP = "lake"
MAINTENANCE = dg.AssetKey([GROUP, "maintenance"])
# What dates a row of a table; tables that are not named here are one partition.
DAYS = {
    ("raw", "sales_data"): "timestamp",
    ("star", "fact_sales"): "CASE WHEN date_key > 0 THEN to_date(date_key::text, 'YYYYMMDD') END",
}
PERIOD = Column("_period", "text", "the month that the row belongs to, by which the table is partitioned")
BATCH = Column("_batch", "bigint", "the batch that last changed the row in staging")


class FillConfig(dg.Config):
    """How the lake is filled."""

    rebuild: bool = Field(default=False, description="Replace the tables whole, whatever they hold.")


def lake_tables(tables: Sequence[Table], project: Project) -> dict[LakeTable, tuple[Column, ...]]:
    """The tables of the lake, with the columns that are declared."""
    raw = [table for table in tables if table.target == "staging"]
    landed = {SEARCH_TERMS: SEARCHES.columns}
    return {
        **{_lake_table(table.schema, table.name, table.key): _columns(table) for table in (*raw, *HISTORY)},
        **landed,
        **{
            _lake_table(model.schema, model.name, model.key): tuple(
                Column(column.name, column.type, column.description)
                for column in model.columns
                if not column.is_bookkeeping
            )
            for model in project.models
            if model.schema == "star" and model.is_tracked
        },
    }


def _lake_table(schema: str, name: str, key: tuple[str, ...]) -> LakeTable:
    return LakeTable(schema, name, key, DAYS.get((schema, name)))


def _columns(table: Table) -> tuple[Column, ...]:
    document = (Column(table.document, "jsonb", "the whole document"),) if table.document else ()
    return (*table.columns, *document)


def lake_key(table: LakeTable) -> dg.AssetKey:
    """`lake/search_terms`, and for the star `lake/star/fact_sales`, since raw tables have the same names."""
    return dg.AssetKey([GROUP, *([] if table.schema == "raw" else [table.schema]), table.name])


def build_lake_assets(tables: Sequence[Table], project: Project) -> list[dg.AssetsDefinition]:
    """A step for the raw tables, one for the star, and the maintenance of all of them."""
    declared = lake_tables(tables, project)
    by_schema = groupby(sorted(declared, key=lambda table: table.schema), key=lambda table: table.schema)
    return [
        *(
            _build_step(schema, {table: declared[table] for table in part})
            for schema, part in [(schema, list(part)) for schema, part in by_schema]
        ),
        _build_maintenance([*declared, WEBLOG]),
    ]


def _build_step(schema: str, tables: dict[LakeTable, tuple[Column, ...]]) -> dg.AssetsDefinition:
    @dg.multi_asset(
        name=f"fill_lake_from_{schema}",
        specs=[_spec(table, columns) for table, columns in tables.items()],
        required_resource_keys={"staging", "lake"},
        can_subset=True,
        pool="lake",
    )
    def fill_lake(
        context: dg.AssetExecutionContext, config: FillConfig
    ) -> Iterator[dg.MaterializeResult[Any]]:
        failed: list[SyncError] = []
        try:
            location = context.resources.lake.location()
        except SyncError as error:
            raise failure([error]) from error
        for table in tables:
            if lake_key(table) not in context.selected_asset_keys:
                continue
            try:
                with context.resources.staging.connect() as staging:
                    filled = fill(table, staging, location, context.run.run_id, config.rebuild)
                yield _materialized(table, tables[table], filled)
            except Exception as error:
                failed.append(named(table.folder, error))
                context.log.error(str(failed[-1]))
        if failed:
            raise failure(failed)

    return fill_lake


def _spec(table: LakeTable, columns: tuple[Column, ...]) -> dg.AssetSpec:
    upstream = dg.AssetKey([table.schema, table.name])
    return dg.AssetSpec(
        lake_key(table),
        deps=[upstream],
        group_name=GROUP,
        description=f"{upstream.to_user_string()} in the lake: its live rows, as a Delta table.",
        owners=[OWNER],
        kinds={"delta", "parquet"},
        metadata=table_metadata(f"lake.{table.schema}.{table.name}", [*columns, BATCH, PERIOD])
        | {"dagster/column_lineage": copied_columns([*columns, BATCH], upstream)},
    )


def _materialized(table: LakeTable, columns: tuple[Column, ...], filled: Filled) -> dg.MaterializeResult[Any]:
    upstream = dg.AssetKey([table.schema, table.name])
    return dg.MaterializeResult(
        asset_key=lake_key(table),
        metadata={
            "dagster/row_count": filled.rows,
            "dagster/uri": filled.uri,
            "dagster/column_lineage": copied_columns([*columns, BATCH], upstream),
            "version": filled.version,
            "batch": filled.batch,
            "written": filled.written,
            "replaced": "all" if filled.periods is None else ", ".join(filled.periods),
            "files": filled.files,
            "bytes": filled.bytes,
            "seconds": round(filled.seconds, 3),
        },
    )


def _build_maintenance(tables: Sequence[LakeTable]) -> dg.AssetsDefinition:
    @dg.asset(
        key=MAINTENANCE,
        deps=[lake_key(table) for table in tables],
        group_name=GROUP,
        description=(
            "Puts small files of the lake's tables together, and removes those that no version of the last"
            " 168 hours needs, files of killed writers too."
        ),
        owners=[OWNER],
        kinds={"delta"},
        required_resource_keys={"lake"},
        pool="lake",
    )
    def maintenance(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
        failed: list[SyncError] = []
        done: dict[str, Maintained] = {}
        try:
            location = context.resources.lake.location()
        except SyncError as error:
            raise failure([error]) from error
        for table in tables:
            try:
                if (maintained := maintain(location, table.folder)) is not None:
                    done[table.folder] = maintained
            except Exception as error:
                failed.append(named(table.folder, error))
                context.log.error(str(failed[-1]))
        if failed:
            raise failure(failed)
        return dg.MaterializeResult(
            metadata={
                "tables": len(done),
                "files_put_together": sum(each.compacted for each in done.values()),
                "files_removed": sum(each.removed for each in done.values()),
                "details": {folder: vars(each) for folder, each in done.items()},
            }
        )

    return maintenance
