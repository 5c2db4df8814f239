"""Order lines of a shop in PostgreSQL, extracted into the object store by the day; there where
SOFTCART_ORDERS_URL names one. The sensor for new files, or the next pass, takes them on from there."""

import datetime as dt
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import dagster as dg

from landing.order_shop import extract_day
from resources.postgresql import PostgreSQLResource
from softcart_assets.dbt.runner import DEFAULT_TIMEZONE
from softcart_assets.failures import failure
from softcart_assets.file_tables import ORDER_LINES, SOURCE
from softcart_assets.metadata import OWNER, table_metadata
from sync.errors import SyncError
from sync.sources.files.store import Store

VARIABLE, SINCE = "SOFTCART_ORDERS_URL", "SOFTCART_ORDERS_SINCE"
FIRST_DAY = "2026-01-01"
RESOURCE = "order_shop"
KEY = dg.AssetKey(["orders", "extracted"])
COLUMNS = tuple(column for column in ORDER_LINES.columns if not column.name.startswith("object_"))


@dataclass(frozen=True)
class Extraction:
    """What the definitions get of it; nothing where there is no such shop."""

    assets: list[dg.AssetsDefinition] = field(default_factory=list)
    jobs: list[Any] = field(default_factory=list)
    schedules: list[Any] = field(default_factory=list)
    resources: dict[str, PostgreSQLResource] = field(default_factory=dict)


def build_extraction() -> Extraction:
    """The asset, a partition a day, with its job and its schedule at one in the morning."""
    if not os.environ.get(VARIABLE):
        return Extraction()
    zone = os.environ.get("SOFTCART_TIMEZONE") or DEFAULT_TIMEZONE
    first = os.environ.get(SINCE) or FIRST_DAY
    days = dg.DailyPartitionsDefinition(start_date=first, timezone=zone)
    job = dg.define_asset_job(
        "extract_orders",
        selection=dg.AssetSelection.assets(KEY),
        partitions_def=days,
        description="The order lines that the shop changed on a day, into the object store.",
    )
    return Extraction(
        [_asset(days, zone)],
        [job],
        [dg.build_schedule_from_partitioned_job(job, name="daily_order_extraction", hour_of_day=1)],
        {RESOURCE: PostgreSQLResource(url=dg.EnvVar(VARIABLE))},
    )


def _asset(days: dg.DailyPartitionsDefinition, zone: str) -> dg.AssetsDefinition:
    @dg.asset(
        key=KEY,
        partitions_def=days,
        backfill_policy=dg.BackfillPolicy.single_run(),
        group_name="extraction",
        description="Order lines that the shop in PostgreSQL last changed on a day, a CSV file each.",
        owners=[OWNER],
        kinds={"postgres", "csv"},
        metadata=table_metadata("orders.extracted", COLUMNS),
        required_resource_keys={RESOURCE, SOURCE},
        pool="landing",
    )
    def extracted(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[Any]]:
        shop, files = getattr(context.resources, RESOURCE), getattr(context.resources, SOURCE)
        store = Store(files.place("orders"))
        try:
            made = {
                key: extract_day(shop.url, COLUMNS, ORDER_LINES.key, dt.date.fromisoformat(key), zone, store)
                for key in context.partition_keys
            }
        except SyncError as error:
            raise failure([error]) from error
        yield dg.MaterializeResult(
            metadata={
                "dagster/row_count": sum(each.rows for each in made.values()),
                "files": [each.name for each in made.values() if each.rows],
                "bytes": sum(each.bytes for each in made.values()),
                "place": str(store),
            }
        )

    return extracted
