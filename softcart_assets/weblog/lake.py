"""The parsed lines in the lake."""

from typing import Any

import dagster as dg

from softcart_assets.lake import GROUP, PERIOD, FillConfig, lake_key
from softcart_assets.metadata import OWNER, copied_columns, table_metadata
from softcart_assets.weblog.common import REQUESTS, failing, folder
from softcart_assets.weblog.counted import COUNTED
from weblog.lake import TABLE, fill
from weblog.requests import COLUMNS, READER, Requests
from weblog.state import State
from weblog.traffic import HOURS


def build_lake() -> dg.AssetsDefinition:
    """`lake/weblog/requests`; behind the counts, by whose batches it knows which days are new."""

    @dg.multi_asset(
        name="fill_lake_from_weblog",
        specs=[
            dg.AssetSpec(
                lake_key(TABLE),
                deps=[REQUESTS, COUNTED[HOURS.name]],
                group_name=GROUP,
                description="Every line of the web log in the lake, as a Delta table by day.",
                owners=[OWNER],
                kinds={"delta", "parquet"},
                metadata=table_metadata(f"lake.{TABLE.schema}.{TABLE.name}", [*COLUMNS, PERIOD])
                | {"dagster/column_lineage": copied_columns(COLUMNS, REQUESTS)},
            )
        ],
        required_resource_keys={"staging", "lake"},
        pool="lake",
    )
    def fill_lake(context: dg.AssetExecutionContext, config: FillConfig) -> dg.MaterializeResult[Any]:
        with failing(), context.resources.staging.connect() as staging:
            location = context.resources.lake.location()
            state = State(staging, READER)
            with state.held():
                requests = Requests(state, folder(staging) / "requests")
                filled = fill(requests, staging, location, context.run.run_id, config.rebuild)
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": filled.rows,
                "dagster/uri": filled.uri,
                "version": filled.version,
                "batch": filled.batch,
                "days": list(filled.days),
            }
        )

    return fill_lake
