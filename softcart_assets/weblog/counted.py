"""The requests counted, as tables of staging."""

from collections.abc import Iterator, Sequence
from typing import Any

import dagster as dg

from softcart_assets.metadata import OWNER, table_metadata
from softcart_assets.pictures import pictures
from softcart_assets.raw import BOOKKEEPING
from softcart_assets.weblog.common import GROUP, REQUESTS, failing, folder, materialized
from sync.spec import Column
from weblog.requests import READER, Requests
from weblog.state import State
from weblog.traffic import TABLES, count, rows_of

COUNTED = {table.name: dg.AssetKey([GROUP, table.name]) for table in TABLES}
# A request's columns that a count is made of, where it is not the one of the same name.
COUNTED_FROM = {
    "day": ("time",),
    "requests": ("line", "device"),
    "robot_requests": ("line", "device"),
    "visitors": ("address", "device"),
    "robots": ("address", "device"),
    "errors": ("status",),
    **dict.fromkeys(("phone", "tablet", "computer", "unknown"), ("device",)),
    "rank": ("line", "device"),
    "page": ("path",),
}


def build_counted() -> dg.AssetsDefinition:
    """`weblog/hours`, `weblog/pages` and `weblog/referers`, in one step."""

    @dg.multi_asset(
        name="weblog_counted",
        specs=[
            dg.AssetSpec(
                COUNTED[table.name],
                deps=[REQUESTS],
                group_name=GROUP,
                description=f"{table.description}.",
                owners=[OWNER],
                kinds={"duckdb", "postgres"},
                metadata={
                    **table_metadata(f"staging.weblog.{table.name}", [*table.columns, *BOOKKEEPING]),
                    "dagster/column_lineage": _counted_from(table.columns),
                },
            )
            for table in TABLES
        ],
        required_resource_keys={"staging"},
    )
    def weblog_counted(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[Any]]:
        with failing(), context.resources.staging.connect() as staging:
            state = State(staging, READER)
            with state.held():
                days = count(staging, Requests(state, folder(staging) / "requests"))
            for table in TABLES:
                columns = [column.name for column in table.columns]
                picture = pictures(staging, GROUP, table.name, columns)
                yield materialized(COUNTED[table.name], rows_of(staging, table), days=days, **picture)

    return weblog_counted


def _counted_from(columns: Sequence[Column]) -> dg.TableColumnLineage:
    """Which of a request's columns each column of a table of counts comes from."""
    return dg.TableColumnLineage(
        {
            column.name: [
                dg.TableColumnDep(REQUESTS, name) for name in COUNTED_FROM.get(column.name, (column.name,))
            ]
            for column in columns
        }
    )
