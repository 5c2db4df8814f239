"""All reports in one workbook, a sheet each.

It is written where a report has changed since it was written last, or the file has: making the sheets anew
takes most of a second. Reports on what Spark found are in it as they stand: it comes after them, and comes
also where Spark failed.
"""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import dagster as dg

import exporting.workbook
from exporting.workbook import Sheet, write_workbook
from softcart_assets.exports.files import (
    GROUP,
    LAST,
    exports_folder,
    file_metadata,
    metadata_of_the_same,
)
from softcart_assets.exports.reports import LEVEL, UNKNOWN, Report, query
from softcart_assets.exports.warehouse import view_rows
from softcart_assets.failures import failure
from softcart_assets.metadata import OWNER
from sync.connections.postgresql import postgresql_errors
from sync.connections.psycopg import Connection, sql
from sync.errors import SyncError
from sync.warehouses.contract import Reader
from sync.warehouses.postgresql.audited import refuse_unaudited
from sync.warehouses.schema import TableName

KEY = dg.AssetKey(["exports", "workbook"])
ROWS_AT_ONCE = 5000
BUILT = "SELECT name FROM unnest(%s::text[]) AS name WHERE to_regclass(name) IS NOT NULL"
# Their order is one of their values.
FINGERPRINT = "SELECT count(*), sum(hashtextextended(rows::text, 0)) FROM ({}) AS rows"


def build_workbook(reports: Sequence[Report]) -> dg.AssetsDefinition:
    """`reports.xlsx`, each database's reports at one moment."""

    @dg.multi_asset(
        name="export_workbook",
        specs=[
            dg.AssetSpec(
                KEY,
                deps=[report.upstream for report in reports if not report.part],
                group_name=GROUP,
                description="All reports as a workbook for a spreadsheet, a sheet each: reports.xlsx.",
                owners=[OWNER],
                kinds={"excel"},
            )
        ],
        required_resource_keys={report.source for report in reports},
        op_tags=LAST,
    )
    def export_workbook(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
        path = exports_folder() / "reports.xlsx"
        try:
            present = _present(context.resources.staging, reports)
            inputs = _inputs(context, present)
            last = metadata_of_the_same(context.instance, KEY, path, "inputs", inputs)
            counts: dict[str, int] = (
                last["sheets"] if last else write_workbook(_sheets(context, present), path)
            )
        except SyncError as error:
            raise failure([error]) from error
        return dg.MaterializeResult(
            asset_key=KEY,
            metadata={
                "dagster/row_count": sum(counts.values()),
                "sheets": counts,
                "not_there_yet": [report.name for report in reports if report not in present],
                "inputs": inputs,
                "changed": last is None,
                **file_metadata(path),
            },
        )

    return export_workbook


def _present(staging: Any, reports: Sequence[Report]) -> list[Report]:
    """The reports without those of other parts of the graph that were never built.

    Raises `SyncError` where the last build of one did not pass its tests.
    """
    with _snapshot(staging) as connection, connection.cursor() as cursor:
        names = [report.name for report in reports if report.source == "staging"]
        refuse_unaudited(cursor, names, "the workbook stays as it was")
        cursor.execute(BUILT, [[f"{report.schema}.{report.name}" for report in reports if report.part]])
        built = {name for (name,) in cursor}
    return [report for report in reports if not report.part or f"{report.schema}.{report.name}" in built]


def _inputs(context: dg.AssetExecutionContext, reports: Sequence[Report]) -> str:
    """What stands for the rows of all reports, and for how they are written."""
    found = hashlib.sha256(Path(exporting.workbook.__file__).read_bytes())
    found.update(version("xlsxwriter").encode())
    with _snapshot(context.resources.staging) as connection, connection.cursor() as cursor:
        for report in reports:
            if report.source == "staging":
                cursor.execute(sql.SQL(FINGERPRINT).format(query(report, as_cells=False)))
                found.update(repr((report, cursor.fetchall())).encode())
    for report, rows in _views(context, reports):
        found.update(repr((report, list(rows))).encode())
    return found.hexdigest()


def _sheets(context: dg.AssetExecutionContext, reports: Sequence[Report]) -> Iterator[Sheet]:
    staged = [report for report in reports if report.source == "staging"]
    with _snapshot(context.resources.staging) as connection:
        for report in staged:
            yield Sheet(report.name, _names(report), _rows(connection, report))
    for report, rows in _views(context, reports):
        yield Sheet(report.name, _names(report), rows)


def _views(
    context: dg.AssetExecutionContext, reports: Sequence[Report]
) -> Iterator[tuple[Report, Iterator[list[Any]]]]:
    """The reports that production's views are, with their rows."""
    viewed = [report for report in reports if report.source == "production"]
    if not viewed:
        return
    with context.resources.production.warehouse() as warehouse, warehouse.reader() as reader:
        for report in viewed:
            yield report, _rows_of_view(reader, report)


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
