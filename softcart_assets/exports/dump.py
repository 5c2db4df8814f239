"""The dump of the shop's sales: `sales_data.sql`, and the last ones that differ in `dumps/`."""

import time
from collections.abc import Iterator
from typing import Any

import dagster as dg

from exporting.dump import NoToolError, dump_sales, rows_in
from softcart_assets.exports.files import GROUP, exports_folder, file_metadata
from softcart_assets.failures import failure
from softcart_assets.metadata import OWNER
from sync.errors import SyncError

KEY = dg.AssetKey(["exports", "sales_data"])
SOURCE = dg.AssetKey(["shop", "sales_data"])


def build_dump() -> dg.AssetsDefinition:
    """The dump, from one consistent snapshot of the shop's MySQL."""

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
        required_resource_keys={"mysql"},
    )
    def export_dump(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[Any]]:
        began = time.monotonic()
        path = exports_folder() / "sales_data.sql"
        try:
            dump_sales(context.resources.mysql.url, path)
        except NoToolError as error:
            context.log.warning(f"sales_data.sql is not written: {error}")
            return
        except SyncError as error:
            raise failure([error]) from error
        yield dg.MaterializeResult(
            asset_key=KEY,
            metadata={
                "dagster/row_count": rows_in(path),
                **file_metadata(path),
                "kept": len(list((path.parent / "dumps").glob("*.sql"))),
                "seconds": round(time.monotonic() - began, 3),
            },
        )

    return export_dump
