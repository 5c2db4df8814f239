"""A shop in PostgreSQL whose order lines go through the object store, by the day."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import dagster as dg
import pytest

from landing.order_shop import extract_day
from resources.files import LAYOUTS
from softcart_assets.build import build_defs
from softcart_assets.file_tables import ORDER_LINES
from softcart_assets.order_shop import COLUMNS
from sync.engine import run_pass
from sync.errors import SyncError
from sync.sources.files.source import FileSource, Place
from sync.sources.files.store import Store
from sync.targets.postgresql.target import PostgreSQLTarget
from tests.integration.postgresql_support import Databases
from tests.integration.sync_support import query

DEFINED = ", ".join(f"{column.name} {column.type}" for column in COLUMNS)
HELD = "SELECT order_number, line_number, customer_name, sales::text FROM raw.order_lines ORDER BY 1, 2"


def put(url: str, order: int, line: int, customer: str, sales: str, updated_at: str) -> None:
    names = "order_number, line_number, customer_name, sales, updated_at, ordered_at"
    query(url, f"DELETE FROM order_lines WHERE (order_number, line_number) = ({order}, {line}) RETURNING 1")
    values = f"{order}, {line}, '{customer}', {sales}, '{updated_at}', '2026-01-01'"
    query(url, f"INSERT INTO order_lines ({names}) VALUES ({values}) RETURNING 1")


@pytest.fixture
def shop(databases: Databases) -> str:
    query(databases.source_url, f"CREATE TABLE order_lines ({DEFINED})")
    return databases.source_url


def test_a_day_is_a_file_and_can_be_extracted_again_in_any_order(
    shop: str, databases: Databases, tmp_path: Path, staging: str
) -> None:
    def extract(day: int) -> int:
        zone = "Europe/Berlin"
        made = extract_day(shop, COLUMNS, ORDER_LINES.key, date(2026, 1, day), zone, Store(str(tmp_path)))
        return made.rows

    def sync() -> list[tuple[object, ...]]:
        source = FileSource({"orders": Place(str(tmp_path), LAYOUTS["orders"])})
        run_pass(ORDER_LINES, source, PostgreSQLTarget(staging), "test")
        return query(staging, HELD)

    put(shop, 1, 1, 'The "Hat", Berlin', "10.50", "2026-01-05 23:30:00+00")  # the sixth in Berlin
    put(shop, 1, 2, "Ada", "1", "2026-01-05 10:00:00+00")
    assert (extract(6), extract(5), extract(4)) == (1, 1, 0)
    assert sorted(path.name for path in tmp_path.rglob("*.csv")) == ["2026-01-05.csv", "2026-01-06.csv"]
    assert sync() == [(1, 1, 'The "Hat", Berlin', "10.50"), (1, 2, "Ada", "1.00")]
    put(shop, 1, 2, "Ada", "2", "2026-01-07 10:00:00+00")
    assert extract(7) == 1
    assert sync()[1] == (1, 2, "Ada", "2.00")
    assert extract(5) == 0  # it is the seventh's now, and stays as that has it
    assert sync()[1] == (1, 2, "Ada", "2.00")


def test_a_shop_that_lacks_a_column_is_told_which(shop: str, tmp_path: Path) -> None:
    query(shop, "ALTER TABLE order_lines DROP COLUMN territory")
    with pytest.raises(SyncError, match="has no column territory; make a view with it"):
        extract_day(shop, COLUMNS, ORDER_LINES.key, date(2026, 1, 1), "UTC", Store(str(tmp_path)))


def test_the_asset_is_there_with_its_shop_and_its_days_can_be_backfilled(
    shop: str, platform: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(shop, 1, 1, "Ada", "1", "2026-01-05 10:00:00+00")
    put(shop, 2, 1, "Bea", "2", "2026-01-07 10:00:00+00")
    monkeypatch.setenv("SOFTCART_ORDERS_URL", shop)
    definitions = build_defs()
    job = definitions.resolve_job_def("extract_orders")
    tags = {
        "dagster/asset_partition_range_start": "2026-01-01",
        "dagster/asset_partition_range_end": "2026-01-31",
    }
    result = job.execute_in_process(tags=tags, instance=dg.DagsterInstance.ephemeral())
    assert result.success
    written = sorted(path.name for path in (tmp_path / "objects" / "orders" / "shop").iterdir())
    assert written == ["2026-01-05.csv", "2026-01-07.csv"]
    refresh = definitions.resolve_job_def("refresh")
    assert dg.AssetKey(["orders", "extracted"]) not in refresh.asset_layer.selected_asset_keys
