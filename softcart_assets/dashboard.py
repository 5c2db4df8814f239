"""The dashboard as an asset: `exports/dashboard.html`, made from production by the package `dashboard`."""

import time
from collections.abc import Iterator, Sequence
from typing import Any

import dagster as dg

from dashboard.tables import TableStatus
from exporting.storing import written
from softcart_assets.exports.files import GROUP, LAST, exports_folder, file_metadata
from softcart_assets.failures import failure
from softcart_assets.metadata import OWNER
from softcart_assets.production import MirroredTable
from softcart_assets.raw import asset_key
from sync.connections.postgresql import postgresql_errors
from sync.connections.psycopg import Connection, sql
from sync.errors import SyncError
from sync.spec import Table
from sync.warehouses.contract import Reader

KEY = dg.AssetKey(["exports", "dashboard"])
SYNCED = "SELECT rows, quarantined, batch FROM sync.tables WHERE table_schema = %s AND table_name = %s"
MODEL = "SELECT total FROM sync.models WHERE model = %s"


def build_dashboard(tables: Sequence[Table], mirrored: Sequence[MirroredTable]) -> dg.AssetsDefinition:
    """The asset, which reads all that production has and says of each table whether it is complete.

    It needs the resources `staging` and `production`. Where nothing has changed the file is left as it is.
    What other parts of the graph bring to production (the forecast) is shown as it stands: the asset comes
    after them, and comes also where Spark failed.
    """
    sales = [table.key for table in mirrored if not table.part]

    @dg.asset(
        key=KEY,
        deps=[*sales, *(asset_key(table) for table in tables)],
        op_tags=LAST,
        group_name=GROUP,
        description="Charts of sales, products, stock and the platform's own tables, one HTML file that opens"
        " from disk without network.",
        owners=[OWNER],
        kinds={"html", "altair"},
        required_resource_keys={"staging", "production"},
    )
    def dashboard(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
        from dashboard.page import collect, draw  # noqa: PLC0415

        began = time.monotonic()
        path = exports_folder() / "dashboard.html"
        try:
            with (
                context.resources.staging.connect() as staging,
                context.resources.production.warehouse() as warehouse,
                warehouse.reader() as production,
            ):
                status = [
                    *(_synced(staging, table) for table in tables if table.target == "staging"),
                    *_mirrored(staging, production, mirrored),
                ]
                known = production.states()
                absent = {
                    f"bi.{each.name.table}" for each in mirrored if each.part and each.name not in known
                }
                contents = collect(lambda query: production.query(query)[1], status, absent=absent)
        except SyncError as error:
            raise failure([error]) from error
        changed = not (path.is_file() and contents.are_drawn_in(path.read_bytes()))
        if changed:
            with written(path) as beside:
                beside.write_bytes(draw(contents))
        return dg.MaterializeResult(
            metadata={
                **file_metadata(path),
                "dagster/row_count": contents.rows,
                "changed": changed,
                "without_data": contents.empty,
                "seconds": round(time.monotonic() - began, 3),
            }
        )

    return dashboard


def _synced(staging: Connection, table: Table) -> TableStatus:
    """A raw table, and the source's time of what its last batch changed."""
    with postgresql_errors("staging"), staging.cursor() as cursor:
        cursor.execute(SYNCED, (table.schema, table.name))
        rows, quarantined, batch = cursor.fetchone() or (0, 0, None)
        changed = sql.SQL("SELECT max(_changed_at) AT TIME ZONE 'UTC' FROM {} WHERE _batch = %s")
        cursor.execute(changed.format(sql.Identifier(table.schema, table.name)), (batch,))
        ((changed_at,),) = cursor.fetchall()
    return TableStatus(table.qualified, rows, quarantined=quarantined, changed_at=changed_at)


def _mirrored(
    staging: Connection, production: Reader, tables: Sequence[MirroredTable]
) -> Iterator[TableStatus]:
    """The star and the reports, on both sides."""
    states = production.states()
    with postgresql_errors("staging"), staging.cursor() as cursor:
        for table in tables:
            cursor.execute(MODEL, (table.name.table,))
            (total,) = cursor.fetchone() or (0,)
            state = states.get(table.name)
            yield TableStatus(str(table.name), total, production=state.rows if state else 0)
