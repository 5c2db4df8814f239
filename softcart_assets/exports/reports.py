"""The reports as CSV files in `reports/`, one asset a file.

A file has a header, is sorted by its group columns (text by byte order, what is aggregated away first) unless
its model gives another order, and is replaced as a whole, or left untouched when its content is the same. A
cell is empty where its column is aggregated away, and `Unknown` where the member is.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg

from exporting.storing import written
from softcart_assets import production
from softcart_assets.dbt.graph import ModelColumn, Project
from softcart_assets.dbt.specs import asset_key
from softcart_assets.exports.files import GROUP, exports_folder, file_metadata
from softcart_assets.exports.warehouse import view_as_csv
from softcart_assets.failures import failure
from softcart_assets.metadata import OWNER
from sync.connections.postgresql import postgresql_errors
from sync.connections.psycopg import Connection, sql
from sync.errors import SyncError
from sync.warehouses.postgresql.audited import refuse_unaudited
from sync.warehouses.schema import TableName

LEVEL = "level"
UNKNOWN = "Unknown"


@dataclass(frozen=True)
class Report:
    """A table, what it is exported from, and how its file looks.

    `source` is the name of the resource that has the table `schema.name`, `upstream` its asset, `part` the
    part of the graph whose step exports it.
    """

    name: str
    source: str
    schema: str
    upstream: dg.AssetKey
    description: str
    columns: tuple[ModelColumn, ...]
    group_columns: tuple[str, ...]
    has_tombstones: bool
    order_by: tuple[str, ...] = ()
    part: str = ""

    @property
    def key(self) -> dg.AssetKey:
        return dg.AssetKey(["exports", self.name])

    @property
    def has_levels(self) -> bool:
        """Whether the table holds several groupings, told apart by its column `level`."""
        return any(column.name == LEVEL for column in self.columns)


TOTALS = Report(
    name=production.TOTALS.table,
    source="production",
    schema=production.TOTALS.schema,
    upstream=production.production_key(production.TOTALS),
    description=production.TOTALS_DESCRIPTION,
    columns=tuple(
        ModelColumn(column.name, column.type, column.description, ()) for column in production.TOTALS_COLUMNS
    ),
    group_columns=production.TOTALS_KEY,
    has_tombstones=False,
)


# Writes the files of some reports, read from a resource, into a folder.
Export = Callable[[Any, Sequence[Report], Path], Iterator[dg.MaterializeResult[Any]]]


def staging_reports(project: Project) -> list[Report]:
    """The reports among the models: those that say what they are grouped by."""
    return [
        Report(
            name=model.name,
            source="staging",
            schema=model.schema,
            upstream=asset_key(model.schema, model.name),
            description=model.description,
            columns=tuple(
                column
                for column in model.columns
                if not column.is_bookkeeping and column.name not in model.key
            ),
            group_columns=model.group_columns,
            has_tombstones=model.is_tracked,
            order_by=model.order_by,
            part=model.part,
        )
        for model in project.models
        if model.group_columns
    ]


def build_report_exports(project: Project) -> list[dg.AssetsDefinition]:
    """An asset for every file; those of one database and one part of the graph are one step and show it at
    one moment."""
    reports = staging_reports(project)
    return [
        *(
            _build_exports("staging", [each for each in reports if each.part == part], _from_staging)
            for part in sorted({report.part for report in reports})
        ),
        _build_exports("production", [TOTALS], _from_production),
    ]


def _build_exports(source: str, reports: Sequence[Report], export_from: Export) -> dg.AssetsDefinition:
    part = f"{reports[0].part}_" if reports[0].part else ""

    @dg.multi_asset(
        name=f"export_{part}from_{source}",
        specs=[_asset_spec(report) for report in reports],
        required_resource_keys={source},
        can_subset=True,
    )
    def export(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[Any]]:
        folder = exports_folder() / "reports"
        selected = [report for report in reports if report.key in context.selected_asset_keys]
        try:
            yield from export_from(getattr(context.resources, source), selected, folder)
        except SyncError as error:
            raise failure([error]) from error

    return export


def _from_staging(
    staging: Any, reports: Sequence[Report], folder: Path
) -> Iterator[dg.MaterializeResult[Any]]:
    with staging.connect() as connection, postgresql_errors("staging"), connection:
        connection.cursor().execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        names = [report.name for report in reports]
        refuse_unaudited(connection.cursor(), names, "their files stay as they were")
        for report in reports:
            yield export_report(connection, report, folder)


def _from_production(
    production: Any, reports: Sequence[Report], folder: Path
) -> Iterator[dg.MaterializeResult[Any]]:
    with production.warehouse() as warehouse, warehouse.reader() as reader:
        for report in reports:
            began, path = time.monotonic(), folder / f"{report.name}.csv"
            before = _inode(path)
            names = [column.name for column in report.columns]
            view = TableName(report.schema, report.name)
            content, rows = view_as_csv(reader, view, names, report.group_columns, UNKNOWN)
            with written(path) as beside:
                beside.write_bytes(content)
            yield _materialized(report, path, rows, began, before)


def _asset_spec(report: Report) -> dg.AssetSpec:
    columns = [dg.TableColumn(column.name, column.type, column.description) for column in report.columns]
    return dg.AssetSpec(
        key=report.key,
        deps=[report.upstream],
        group_name=GROUP,
        description=f"{report.description} A CSV file.",
        owners=[OWNER],
        kinds={"csv"},
        metadata={
            "dagster/table_name": f"exports.reports.{report.name}",
            "dagster/column_schema": dg.TableSchema(columns),
            "dagster/column_lineage": _lineage(report),
        },
    )


def _lineage(report: Report) -> dg.TableColumnLineage:
    return dg.TableColumnLineage(
        {column.name: [dg.TableColumnDep(report.upstream, column.name)] for column in report.columns}
    )


def export_report(connection: Connection, report: Report, folder: Path) -> dg.MaterializeResult[Any]:
    """Write `<folder>/<report>.csv` if its content changed."""
    began = time.monotonic()
    path = folder / f"{report.name}.csv"
    before = _inode(path)
    with written(path) as beside, beside.open("wb") as file, connection.cursor() as cursor:
        statement = sql.SQL("COPY ({}) TO STDOUT (FORMAT csv, HEADER, ENCODING 'UTF8')")
        cursor.copy_expert(statement.format(query(report)).as_string(cursor), file)
        rows = cursor.rowcount
    return _materialized(report, path, rows, began, before)


def _inode(path: Path) -> int | None:
    """Tells the file from another one that took its place; None where there is none."""
    return path.stat().st_ino if path.is_file() else None


def _materialized(
    report: Report, path: Path, rows: int, began: float, before: int | None
) -> dg.MaterializeResult[Any]:
    return dg.MaterializeResult(
        asset_key=report.key,
        metadata={
            "dagster/row_count": rows,
            "dagster/column_lineage": _lineage(report),
            **file_metadata(path),
            "changed": _inode(path) != before,
            "seconds": round(time.monotonic() - began, 3),
        },
    )


def query(report: Report, as_cells: bool = True) -> sql.Composable:
    """The file's rows in their order; the columns as the file's cells, or as the table has them."""
    columns = [
        _cell(report, column) if as_cells else sql.Identifier(column.name) for column in report.columns
    ]
    return sql.SQL("SELECT {} FROM {} WHERE {} ORDER BY {}").format(
        sql.SQL(", ").join(columns),
        sql.Identifier(report.schema, report.name),
        sql.SQL("NOT _deleted" if report.has_tombstones else "true"),
        sql.SQL(", ").join(_order(report)),
    )


def _cell(report: Report, column: ModelColumn) -> sql.Composable:
    name = sql.Identifier(column.name)
    if column.name not in report.group_columns:
        return name
    return sql.SQL("CASE WHEN {} THEN coalesce({}::text, {}) END AS {}").format(
        _is_grouped_by(report, column.name), name, sql.Literal(UNKNOWN), name
    )


def _is_grouped_by(report: Report, column: str) -> sql.Composable:
    """Whether the row is about one value of the column, not about all."""
    if not report.has_levels:
        return sql.SQL("true")
    return sql.SQL("{} = ANY (string_to_array({}, ','))").format(sql.Literal(column), sql.Identifier(LEVEL))


def _order(report: Report) -> Iterator[sql.Composable]:
    types = {column.name: column.type for column in report.columns}
    for ordered in report.order_by or report.group_columns:
        name = ordered.removeprefix("-")
        if report.has_levels:
            yield _is_grouped_by(report, name)
        collation = sql.SQL(' COLLATE "C"' if types[name] == "text" else "")
        # Qualified, since the bare name would be the cell's text.
        descends = sql.SQL(" DESC" if name != ordered else "")
        yield sql.Identifier(report.name, name) + collation + descends
