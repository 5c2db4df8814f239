"""Landing of what arrives as files: the demo shop's order lines and charges, and the public sample of orders.

They are put into the platform's own folders. Where the files of others arrive is named by SOFTCART_ORDERS and
SOFTCART_CHARGES; nothing is ever written there, and the assets are external.
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import dagster as dg

from landing.objects import files_for, lines_in, put
from softcart_assets.failures import failure
from softcart_assets.file_tables import SOURCE
from softcart_assets.landing import source_spec
from softcart_assets.order_shop import KEY, VARIABLE
from softcart_assets.raw import source_key
from sync.errors import SyncError
from sync.spec import Table

VARIABLES = {"orders": "SOFTCART_ORDERS", "charges": "SOFTCART_CHARGES"}


def build_object_assets(tables: Sequence[Table]) -> list[dg.AssetsDefinition | dg.AssetSpec]:
    """The places of the tables that are read from files; they need the resources `landing` and `files`."""
    read = [table for table in tables if table.source == SOURCE]
    own = [table for table in read if not os.environ.get(VARIABLES.get(table.database, ""))]
    external = [_spec(table) for table in read if table not in own]
    return [*external, *([_step(own)] if own else [])]


def _spec(table: Table) -> dg.AssetSpec:
    is_extracted = table.database == KEY.path[0] and bool(os.environ.get(VARIABLE))
    return source_spec(table).replace_attributes(deps=[KEY] if is_extracted else [])


def _step(tables: Sequence[Table]) -> dg.AssetsDefinition:
    @dg.multi_asset(
        name="land_objects",
        specs=[_spec(table) for table in tables],
        required_resource_keys={"landing", "files"},
        can_subset=True,
        pool="landing",
    )
    def land_objects(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[Any]]:
        try:
            for table in tables:
                if source_key(table) in context.selected_asset_keys:
                    files = files_for(table.database, context.resources.landing.files())
                    place = context.resources.files.place(table.database)
                    written = put(files.items(), Path(place))
                    yield dg.MaterializeResult(
                        asset_key=source_key(table),
                        metadata={
                            "dagster/row_count": sum(map(lines_in, files.values())),
                            "files": len(files),
                            "written": written,
                            "place": place,
                        },
                    )
        except SyncError as error:
            raise failure([error]) from error

    return land_objects
