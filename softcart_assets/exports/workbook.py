"""All reports in one workbook, a sheet each."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import dagster as dg
from psycopg2.extensions import connection as Connection

from exporting.workbook import Sheet, write_workbook
from softcart_assets.exports.files import GROUP, exports_folder, file_metadata
from softcart_assets.exports.reports import LEVEL, UNKNOWN, Report, query
from softcart_assets.failures import failure
from softcart_assets.metadata import OWNER
from sync.connections import postgresql_errors
from sync.errors import SyncError

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
    for source in dict.fromkeys(report.source for report in reports):
        with _snapshot(getattr(context.resources, source), source) as connection:
            for report in (report for report in reports if report.source == source):
                names = tuple(column.name for column in report.columns)
                yield Sheet(report.name, names, _rows(connection, report))


@contextmanager
def _snapshot(resource: Any, source: str) -> Iterator[Connection]:
    with resource.connect() as connection, postgresql_errors(source), connection:
        connection.cursor().execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield connection


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
