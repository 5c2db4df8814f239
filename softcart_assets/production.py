"""The production warehouse: the star and the reports, mirrored from staging, and the views over them.

The star and the reports on it are one step, since they move in one transaction: a subset would break
references between them. Whichever of them a run selects, all are mirrored and compared; the run shows those
that it selected. A run that selects checks alone compares and writes nothing. Reports that dbt builds in a
step of their own (those on what Spark found, and on the forecast) are mirrored by a step of their own as
well, with the views over them: where Spark fails, the sales reach production all the same.

How rows move and are compared is `sync/warehouses`; here is what Dagster shows of it.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import Field

from softcart_assets.failures import failure, names_findings, repair_command
from softcart_assets.metadata import OWNER, column_schema, table_metadata
from softcart_assets.raw import RECONCILIATION
from sync.errors import SyncError
from sync.spec import Column
from sync.warehouses.comparison import TableComparison
from sync.warehouses.contract import Warehouse
from sync.warehouses.mirror import MirrorResult, Publication, mirror
from sync.warehouses.schema import TableName
from sync.warehouses.table_work import TableResult, rolling_after
from sync.warehouses.verify import verify
from sync.warehouses.views import View

READERS = "bi"
SQL = Path(__file__).parents[1] / "sql"
KINDS = {"postgresql": "postgres"}  # as Dagster names a system
STEP = "mirror_to_production"

TOTALS = TableName("reports", "total_sales_per_country")
BY_YEAR = TableName("reports", "sales_by_year_country")  # what it sums, at a few rows in place of every sale
TOTALS_KEY = ("country",)
TOTALS_DESCRIPTION = "Total sales and number of sales of each country, a materialized view."
TOTALS_COLUMNS = {
    Column("country", "text", "country of the customer at the sale"): "country",
    Column("total_sales", "numeric", "sum of the amounts, in the shop's currency"): "total_sales",
    Column("sales", "bigint", "number of sales"): "sales",
}


@dataclass(frozen=True)
class MirroredTable:
    """A table of the star or a report: its name in staging and production, and what its model says of it.

    `columns` may contain staging's own ones, which begin with an underscore and stay there. `part` is the
    part of the graph whose step mirrors it; the star's is empty.
    """

    name: TableName
    description: str
    columns: tuple[Column, ...]
    part: str = ""

    @property
    def key(self) -> dg.AssetKey:
        return production_key(self.name)

    @property
    def business_columns(self) -> tuple[Column, ...]:
        return tuple(column for column in self.columns if not column.name.startswith("_"))


class MirrorConfig(dg.Config):
    """How a run mirrors."""

    compare: bool = Field(
        default=False,
        description="Compare every row instead of those that changed, and repair what differs in production.",
    )


def production_key(name: TableName) -> dg.AssetKey:
    """`production/fact_sales`."""
    return dg.AssetKey(["production", name.table])


def warehouse_kind() -> str:
    """The kind of production's assets, by the scheme of its URL; whether there is such a warehouse shows when
    it is opened."""
    scheme = os.environ.get("SOFTCART_PRODUCTION_URL", "postgresql").partition("://")[0].partition("+")[0]
    return KINDS.get(scheme, scheme)


def production_views(tables: Sequence[MirroredTable], warehouse: Warehouse) -> list[View]:
    """The views of production: the totals, those for readers in `sql/<system>/production/bi`, and one for
    readers over each report. PostgreSQL's queries are those of a system that has none of its own."""
    system, quote = warehouse.system, warehouse.quote
    reports = [table for table in tables if table.name.schema in ("reports", "sales")]
    for_readers = sorted(path.stem for path in (SQL / "postgresql" / "production" / "bi").glob("*.sql"))
    return [
        _view(system, TOTALS, inputs=(BY_YEAR,), key=TOTALS_KEY),
        *(_view(system, TableName("bi", name)) for name in for_readers),
        _over(TOTALS, list(TOTALS_COLUMNS), TOTALS_DESCRIPTION, quote),
        *(_over(report.name, report.business_columns, report.description, quote) for report in reports),
    ]


def _view(
    system: str, name: TableName, inputs: tuple[TableName, ...] = (), key: tuple[str, ...] = ()
) -> View:
    """A view from its file, whose first line is a comment that says what it shows."""
    own, usual = (
        SQL / folder / "production" / name.schema / f"{name.table}.sql" for folder in (system, "postgresql")
    )
    comment, query = (own if own.exists() else usual).read_text().split("\n", maxsplit=1)
    return View(name, query.strip(), comment.removeprefix("--").strip(), inputs, key)


def _over(name: TableName, columns: Sequence[Column], comment: str, quote: Callable[[str], str]) -> View:
    listed = ", ".join(quote(column.name) for column in columns)
    query = f"SELECT {listed} FROM {quote(name.schema)}.{quote(name.table)}"
    return View(TableName("bi", name.table), query, comment)


def build_production_assets(tables: Sequence[MirroredTable]) -> list[dg.AssetsDefinition]:
    """The steps that mirror `tables`, with an asset and a blocking check for each and for the totals.

    They need the resources `staging` and `production`. The check compares also when nothing is new: every
    row, or of large tables a part of them, where the run materializes and `compare` was not asked for.
    """
    return [_build_step(tables, part) for part in _parts(tables)]


def _parts(tables: Sequence[MirroredTable]) -> list[str]:
    return sorted({"", *(table.part for table in tables)})


def step_names(tables: Sequence[MirroredTable]) -> list[str]:
    """The ops that mirror `tables`."""
    return [step_name(part) for part in _parts(tables)]


def step_name(part: str) -> str:
    """The op that mirrors the tables of a part of the graph."""
    return f"mirror_{part}_to_production" if part else STEP


def _build_step(tables: Sequence[MirroredTable], part: str) -> dg.AssetsDefinition:
    own = [table for table in tables if table.part == part]
    parts = {TableName("bi", table.name.table): table.part for table in tables}
    specs = [_table_spec(table) for table in own] + ([] if part else [_totals_spec()])

    @dg.multi_asset(
        name=step_name(part),
        specs=specs,
        check_specs=[
            dg.AssetCheckSpec(
                RECONCILIATION,
                asset=spec.key,
                blocking=True,
                description="Production has what it was given, row by row, and nothing else.",
            )
            for spec in specs
        ],
        required_resource_keys={"staging", "production"},
        can_subset=True,
        pool="production",
    )
    @names_findings
    def mirror_to_production(
        context: dg.AssetExecutionContext, config: MirrorConfig
    ) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
        figures: dict[dg.AssetKey, dict[str, Any]] = {}
        rolling = None
        try:
            with (
                context.resources.staging.snapshots() as staging,
                context.resources.production.warehouse() as warehouse,
            ):
                views = production_views(tables, warehouse)
                if context.selected_asset_keys:
                    mine = [view for view in views if parts.get(view.name, "") == part]
                    elsewhere = {view.name for view in views} - {view.name for view in mine}
                    result = mirror(
                        staging,
                        warehouse,
                        [table.name for table in own],
                        context.run.run_id,
                        Publication(mine, READERS, elsewhere),
                        config.compare,
                    )
                    figures = _figures(result)
                    rolling = None if config.compare else rolling_after(result.tables)
                    for note in result.notes:
                        context.log.warning(note)
                totals = [view for view in views if view.name == TOTALS and not part]
                comparisons = verify(staging, warehouse, [table.name for table in own], rolling, totals)
        except SyncError as error:
            raise failure([error]) from error
        for spec, comparison in zip(specs, comparisons, strict=True):
            check = _check(comparison, step_name(part))
            checked = dg.AssetCheckKey(spec.key, RECONCILIATION) in context.selected_asset_check_keys
            if spec.key in context.selected_asset_keys:
                yield _materialized(spec, figures[spec.key], [check] if checked else [])
            elif checked:
                yield check
            elif not comparison.equal:
                context.log.warning(check.description)

    return mirror_to_production


def _table_spec(table: MirroredTable) -> dg.AssetSpec:
    upstream = dg.AssetKey([*table.name])
    return dg.AssetSpec(
        key=table.key,
        deps=[upstream],
        group_name="production",
        description=table.description,
        owners=[OWNER],
        kinds={warehouse_kind()},
        metadata=table_metadata(f"production.{table.name}", table.business_columns, upstream),
    )


def _totals_spec() -> dg.AssetSpec:
    return dg.AssetSpec(
        key=production_key(TOTALS),
        deps=[production_key(BY_YEAR)],
        group_name="production",
        description=TOTALS_DESCRIPTION,
        owners=[OWNER],
        kinds={warehouse_kind(), "view"},
        metadata={
            "dagster/table_name": f"production.{TOTALS}",
            "dagster/column_schema": column_schema(TOTALS_COLUMNS),
            "dagster/column_lineage": dg.TableColumnLineage(
                {
                    column.name: [dg.TableColumnDep(production_key(BY_YEAR), source)]
                    for column, source in TOTALS_COLUMNS.items()
                }
            ),
        },
    )


def _figures(result: MirrorResult) -> dict[dg.AssetKey, dict[str, Any]]:
    """What a pass did to each asset."""
    return {
        **{production_key(table.name): _table_figures(table) for table in result.tables},
        **{
            production_key(view.name): {
                "dagster/row_count": view.rows,
                "refreshed": view.created or view.refreshed,
            }
            for view in result.views
            if view.name == TOTALS
        },
    }


def _table_figures(table: TableResult) -> dict[str, Any]:
    return {
        "dagster/row_count": table.rows,
        "taken_in": table.mode.name.lower(),
        "inserted": table.inserted,
        "updated": table.updated,
        "deleted": table.deleted,
        "position_before": str(table.position_before) if table.position_before else None,
        "position_after": str(table.position_after),
        "seconds": round(table.seconds, 3),
    }


def _materialized(
    spec: dg.AssetSpec, figures: dict[str, Any], checks: Sequence[dg.AssetCheckResult]
) -> dg.MaterializeResult[Any]:
    # Dagster reads column lineage from materializations, everything else from the definition as well.
    lineage = {"dagster/column_lineage": spec.metadata["dagster/column_lineage"]}
    return dg.MaterializeResult(asset_key=spec.key, metadata={**lineage, **figures}, check_results=checks)


def _check(comparison: TableComparison, step: str) -> dg.AssetCheckResult:
    key = production_key(comparison.table)
    description = str(comparison)
    if not comparison.equal and not comparison.obstacle:
        description += f". To repair it: {repair_command(key, step, {'compare': True})}"
    return dg.AssetCheckResult(
        check_name=RECONCILIATION,
        asset_key=key,
        passed=comparison.equal,
        severity=dg.AssetCheckSeverity.ERROR,
        description=description,
        metadata={
            "rows_expected": comparison.rows[0],
            "rows": comparison.rows[1],
            "different": comparison.different,
            "changed_in_staging_since": comparison.moved,
            "every_row_was_compared_since": comparison.oldest and str(comparison.oldest),
        },
    )
