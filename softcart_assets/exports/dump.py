"""The dump of the shop's sales: `sales_data.sql`, and the last ones that differ in `dumps/`."""

import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import dagster as dg

from exporting.dump import NoToolError, dump_sales, rows_in
from softcart_assets.exports.files import (
    GROUP,
    LAST,
    exports_folder,
    file_metadata,
    metadata_of_the_same,
)
from softcart_assets.failures import failure
from softcart_assets.metadata import OWNER
from sync.errors import SyncError
from sync.spec import Strategy
from sync.state import is_prepared, read_state
from sync.table_state import TableState

KEY = dg.AssetKey(["exports", "sales_data"])
SOURCE = dg.AssetKey(["shop", "sales_data"])
RAW = ("raw", "sales_data")
ROWS, POSITION = "dagster/row_count", "log_position"
LARGE = 250_000  # sales, above which no run of the graph makes a dump while the last one is young
YOUNG = 20 * 3600  # seconds; so a daily run makes one, where it comes somewhat earlier than yesterday, too


def build_dump() -> dg.AssetsDefinition:
    """The dump, from one consistent snapshot of the shop's MySQL.

    A run that has synced the sales leaves it as it is where the shop's log stands where it stood when the
    dump was made, or of many sales while it is young. A run of the dump by itself makes it.
    """

    @dg.multi_asset(
        name="export_dump",
        specs=[
            dg.AssetSpec(
                KEY,
                deps=[SOURCE],
                group_name=GROUP,
                description="The shop's sales as a dump that MariaDB and MySQL load: sales_data.sql.",
                owners=[OWNER],
                kinds={"mysql", "sql"},
                skippable=True,
            )
        ],
        required_resource_keys={"mysql", "staging"},
        op_tags=LAST,
    )
    def export_dump(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[Any]]:
        began = time.monotonic()
        path = exports_folder() / "sales_data.sql"
        synced = _synced(context)
        if synced and synced.rows > LARGE and _is_young(context.instance, path):
            context.log.info(
                f"{path.name} is left as it is: a dump of {synced.rows:,} sales is made once in"
                f" {YOUNG // 3600} hours, or when {KEY.to_user_string()} is materialized by itself"
            )
            return
        try:
            position = synced.position if synced else None
            last = position and metadata_of_the_same(context.instance, KEY, path, POSITION, position)
            if not last:
                dump_sales(context.resources.mysql.url, path)
            rows = last[ROWS] if last else rows_in(path)
        except NoToolError as error:
            context.log.warning(f"sales_data.sql is not written: {error}")
            return
        except SyncError as error:
            raise failure([error]) from error
        yield dg.MaterializeResult(
            asset_key=KEY,
            metadata={
                ROWS: rows,
                **file_metadata(path),
                "kept": len(list((path.parent / "dumps").glob("*.sql"))),
                "seconds": round(time.monotonic() - began, 3),
                **({POSITION: position} if position else {}),
            },
        )

    return export_dump


def _synced(context: dg.AssetExecutionContext) -> TableState | None:
    """How this run has synced the sales; None where it has not, or not by the log."""
    state, staging = None, context.resources.staging
    with suppress(SyncError), staging.connect() as connection, connection.cursor() as cursor:
        state = read_state(cursor, *RAW) if is_prepared(cursor) else None  # a dump needs no staging
    is_ours = state and state.run_id == context.run.run_id and state.strategy == Strategy.LOG.value
    return state if is_ours else None


def _is_young(instance: dg.DagsterInstance, path: Path) -> bool:
    """Whether a run has made the dump not long ago, or found it to be what it would have made, and it has as
    many bytes as then; to hash many sales in each pass would be cost by the table."""
    event = instance.get_latest_materialization_event(KEY)
    made = event.asset_materialization if event else None
    if event is None or made is None or time.time() - event.timestamp >= YOUNG:
        return False
    return path.is_file() and made.metadata["bytes"].value == path.stat().st_size
