"""All reports in one workbook, a sheet each."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import dagster as dg

from exporting.workbook import Sheet, write_workbook
from softcart_assets.exports.files import GROUP, exports_folder, file_metadata
from softcart_assets.exports.reports import LEVEL, UNKNOWN, Report, query
from softcart_assets.exports.warehouse import view_rows
from softcart_assets.failures import failure
from softcart_assets.metadata import OWNER
from sync.connections.postgresql import postgresql_errors
from sync.connections.psycopg import Connection
from sync.errors import SyncError
from sync.warehouses.contract import Reader
from sync.warehouses.schema import TableName

KEY = dg.AssetKey(["exports", "workbook"])
ROWS_AT_ONCE = 5000


def build_workbook(reports: Sequence[Report]) -> dg.AssetsDefinition:
    """`reports.xlsx`, each database's reports at one moment."""

    @dg.multi_asset(
        name="export_workbook",
        specs=[
            dg.AssetSpec(
                KEY,
                deps=[report.upstream for report in reports],
                group_name=GROUP,
                description="All reports as a workbook for a spreadsheet, a sheet each: reports.xlsx.",
                owners=[OWNER],
                kinds={"excel"},
            )
        ],
        required_resource_keys={report.source for report in reports},
    )
    def export_workbook(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
        path = exports_folder() / "reports.xlsx"
        try:
            counts = write_workbook(_sheets(context, reports), path)
        except SyncError as error:
            raise failure([error]) from error
        return dg.MaterializeResult(
            asset_key=KEY,
            metadata={"dagster/row_count": sum(counts.values()), "sheets": counts, **file_metadata(path)},
        )

    return export_workbook


def _sheets(context: dg.AssetExecutionContext, reports: Sequence[Report]) -> Iterator[Sheet]:
    staged = [report for report in reports if report.source == "staging"]
    with _snapshot(context.resources.staging) as connection:
        for report in staged:
            yield Sheet(report.name, _names(report), _rows(connection, report))
    with context.resources.production.warehouse() as warehouse, warehouse.reader() as reader:
        for report in reports:
            if report not in staged:
                yield Sheet(report.name, _names(report), _rows_of_view(reader, report))


def _names(report: Report) -> tuple[str, ...]:
    return tuple(column.name for column in report.columns)


@contextmanager
def _snapshot(staging: Any) -> Iterator[Connection]:
    with staging.connect() as connection, postgresql_errors("staging"), connection:
        connection.cursor().execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield connection


def _rows_of_view(reader: Reader, report: Report) -> Iterator[list[Any]]:
    """The rows of a report that production's view is, in the file's order."""
    for row in view_rows(reader, TableName(report.schema, report.name), report.group_columns):
        yield [
            UNKNOWN if row[name] is None and name in report.group_columns else row[name]
            for name in _names(report)
        ]


def _rows(connection: Connection, report: Report) -> Iterator[list[Any]]:
    """The report's rows with its own types; as in its CSV file a member that is not known is `Unknown`."""
    # The connection is in autocommit mode, in which the driver takes no other cursor of the server's.
    with connection.cursor(report.name, withhold=True) as cursor:
        cursor.itersize = ROWS_AT_ONCE
        cursor.execute(query(report, as_cells=False))
        for row in cursor:
            values = dict(zip((column.name for column in report.columns), row, strict=True))
            grouped = values[LEVEL].split(",") if report.has_levels else report.group_columns
            yield [
                UNKNOWN if value is None and name in grouped and name in report.group_columns else value
                for name, value in values.items()
            ]
