"""The dump of the shop's sales: `sales_data.sql`, and the last ones that differ in `dumps/`."""

import time
from collections.abc import Iterator
from contextlib import suppress
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

KEY = dg.AssetKey(["exports", "sales_data"])
SOURCE = dg.AssetKey(["shop", "sales_data"])
RAW = ("raw", "sales_data")
ROWS, POSITION = "dagster/row_count", "log_position"


def build_dump() -> dg.AssetsDefinition:
    """The dump, from one consistent snapshot of the shop's MySQL; left as it is where the same run has found
    the shop's log where it stood when the dump was made."""

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
        try:
            position = _position(context)
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


def _position(context: dg.AssetExecutionContext) -> str | None:
    """Where the shop's log stood when this run synced the sales; None where it has not, or not by the log."""
    state, staging = None, context.resources.staging
    with suppress(SyncError), staging.connect() as connection, connection.cursor() as cursor:
        state = read_state(cursor, *RAW) if is_prepared(cursor) else None  # a dump needs no staging
    synced = state is not None and state.run_id == context.run.run_id and state.strategy == Strategy.LOG.value
    return state.position if state and synced else None
