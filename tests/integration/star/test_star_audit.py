"""A build that fails its checks is seen by nobody: not by production's readers, not in an exported file."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Event
from typing import Any

import dagster as dg
import pytest
from dagster import DagsterInstance

from resources.postgresql import PostgreSQLResource
from resources.warehouse import WarehouseResource
from softcart_assets.build import mirrored
from softcart_assets.dbt.assets import build_dbt_assets
from softcart_assets.dbt.loading import load_project
from softcart_assets.exports.reports import build_report_exports
from softcart_assets.production import build_production_assets
from softcart_assets.sensors import build_sensors
from sync.connections.postgresql import connect_postgresql
from tests.integration.sensor_support import Ticks
from tests.integration.star.staging import Staging, day

POLLS = 100
SEEN = """
    SELECT (SELECT array_agg((sale_key, amount) ORDER BY sale_key)::text FROM star.fact_sales),
        (SELECT array_agg(t ORDER BY t)::text FROM reports.total_sales_per_country t),
        (SELECT array_agg(s ORDER BY s)::text FROM bi.sales_by_year_country s)
"""

# As a release before kept the state.
EARLIER = """
    DROP FUNCTION sync.model_state;
    DROP FUNCTION sync.newest_batch;
    ALTER TABLE sync.models DROP COLUMN audited_batch, DROP COLUMN version, DROP COLUMN relation;
    ALTER TABLE sync.models ALTER total SET NOT NULL;
    COMMENT ON TABLE sync.models IS 'One row a model: its watermark and what its last build wrote';
"""


def definitions(staging: str, production: str) -> dg.Definitions:
    """The graph behind the raw tables, with the sensor that requests what a run left undone."""
    project = load_project()
    copied = mirrored(project)
    return dg.Definitions(
        assets=[*build_dbt_assets(project), *build_production_assets(copied), *build_report_exports(project)],
        jobs=[dg.define_asset_job("sync", executor_def=dg.in_process_executor)],
        sensors=build_sensors([], project, copied, "sync", ["sync"]),
        resources={
            "staging": PostgreSQLResource(url=staging),
            "production": WarehouseResource(url=production),
        },
    )


class Audited:
    """The graph on two databases, and what a reader of production sees while it runs."""

    def __init__(self, warehouse: Staging, production: str, ticks: Ticks, exports: Path) -> None:
        self.warehouse = warehouse
        self.production = production
        self.ticks = ticks
        self.exports = exports

    def job(self, group: str | None = None) -> bool:
        """A run of everything, or of a group alone."""
        keys = dg.AssetSelection.groups(group) if group else dg.AssetSelection.all()
        graph = self.ticks.definitions.resolve_asset_graph()
        return self.ticks.run(dg.RunRequest(asset_selection=sorted(keys.resolve(graph))))

    def sensor(self) -> bool:
        """A tick of the sensor, and the run that it requests."""
        (request,) = self.ticks.tick()
        return self.ticks.run(request)

    def files(self) -> dict[str, str]:
        return {path.name: path.read_text() for path in sorted((self.exports / "reports").glob("*.csv"))}

    def polled(self, stop: Event) -> list[tuple[Any, ...]]:
        """What readers see until it is told to stop, and at least `POLLS` times."""
        seen = []
        with closing(connect_postgresql(self.production)) as connection, connection.cursor() as cursor:
            while not stop.wait(0.05) or len(seen) < POLLS:
                cursor.execute(SEEN)
                seen += cursor.fetchall()
        return seen


@pytest.fixture
def audited(
    warehouse: Staging, production: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Audited]:
    monkeypatch.setattr("softcart_assets.dbt.warm.Keeper.keep", lambda keeper: None)
    monkeypatch.setenv("SOFTCART_EXPORTS", str(tmp_path / "exports"))
    for rowid in range(1, 6):
        sale = {"product_id": 1, "price": rowid, "quantity": 1, "timestamp": day(rowid)}
        warehouse.put("sales_data", rowid=rowid, **sale)
    with DagsterInstance.ephemeral() as instance:
        ticks = Ticks(instance, (), "staging", definitions(warehouse.url, production))
        made = Audited(warehouse, production, ticks, tmp_path / "exports")
        assert made.job()
        yield made


def poison(warehouse: Staging) -> None:
    """A batch with a sale that the fact takes, and one that it cannot see, whose number is of long ago."""
    with warehouse.batch() as batch:
        batch.put("sales_data", rowid=6, product_id=1, price=600, quantity=1, timestamp=day(6))
        batch.put("sales_data", rowid=7, product_id=1, price=700, quantity=1, timestamp=day(7))
        batch.cursor.execute("UPDATE raw.sales_data SET _batch = 0 WHERE rowid = 7")


@pytest.mark.parametrize("way", ["job", "sensor"])
def test_a_poisoned_batch_leaves_what_readers_see_whole(audited: Audited, way: str) -> None:
    files, stop = audited.files(), Event()
    (before,) = {*audited.polled(_set())}
    poison(audited.warehouse)
    with ThreadPoolExecutor(1) as thread:
        polling = thread.submit(audited.polled, stop)
        try:
            assert not getattr(audited, way)()
            # The fact is built by now, and its rows wait in staging; who asks for production is refused.
            assert audited.warehouse.value("SELECT count(*) FROM star.fact_sales WHERE NOT _deleted") == 6
            assert not audited.job("production")
        finally:
            stop.set()
        seen = polling.result()
    assert len(seen) >= POLLS
    assert set(seen) == {before}
    assert audited.files() == files

    audited.warehouse.execute("UPDATE raw.sales_data SET _batch = sync.next_batch() WHERE rowid = 7")
    assert audited.job()
    assert set(audited.polled(_set())) != {before}
    assert audited.files() != files
    assert audited.ticks.tick() == []


def _set() -> Event:
    stop = Event()
    stop.set()
    return stop


def test_a_report_that_failed_its_checks_is_not_exported(audited: Audited) -> None:
    files = audited.files()
    audited.warehouse.execute("UPDATE reports.sales_by_year_country SET total_sales = 0")
    audited.warehouse.execute("UPDATE sync.models SET batch = sync.next_batch() WHERE model ~ 'year_country'")
    assert not audited.job("exports")
    assert audited.files() == files


def test_a_state_that_a_release_before_kept_is_followed_without_writing_a_row(audited: Audited) -> None:
    audited.warehouse.execute(EARLIER)
    versions = "SELECT array_agg((ctid, xmin)::text ORDER BY sale_key) AS v FROM star.fact_sales"
    before = audited.warehouse.value(versions)
    assert "star/fact_sales" in audited.ticks.requested()
    assert audited.job()
    assert audited.warehouse.value(versions) == before
    waiting = "SELECT count(*) FROM sync.models WHERE audited_batch IS DISTINCT FROM batch"
    assert audited.warehouse.value(waiting) == 0
    assert audited.ticks.tick() == []
