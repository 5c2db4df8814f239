"""The jobs that are asked for by hand, and the one for a large table: what they leave on real servers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster import DagsterInstance

from demo import generate
from softcart_assets.build import build_defs
from stack.cluster import Cluster
from sync.connections.mysql import connect_mysql
from tests.integration.declared import make_declared
from tests.integration.sync_support import query

CUSTOMERS = "SELECT customer_id, country FROM raw.customers WHERE NOT _deleted ORDER BY 1"
SALES = "SELECT rowid, quantity, price::text FROM raw.sales_data WHERE NOT _deleted ORDER BY 1"
FACTS = "SELECT count(*), sum(amount)::text FROM star.fact_sales"


class Graph:
    """The whole graph on a small shop that has landed, with an instance of its own."""

    def __init__(self, instance: DagsterInstance, settings: dict[str, str]) -> None:
        self.instance, self.settings = instance, settings
        self.definitions = build_defs()

    def run(self, job: str, **given: Any) -> dg.ExecuteInProcessResult:
        result = self.definitions.resolve_job_def(job).execute_in_process(
            instance=self.instance, raise_on_error=False, **given
        )
        assert result.success, [
            e.step_failure_data.user_failure_data for e in result.get_step_failure_events()
        ]
        return result

    def staging(self, statement: str) -> list[tuple[Any, ...]]:
        return query(self.settings["SOFTCART_STAGING_URL"], statement)

    def shop(self, count: str) -> int:
        with connect_mysql(self.settings["SOFTCART_MYSQL_URL"]) as shop, shop.cursor() as cursor:
            cursor.execute(count)
            ((rows,),) = cursor.fetchall()
        return int(rows)

    def production(self, statement: str) -> list[tuple[Any, ...]]:
        return query(self.settings["SOFTCART_PRODUCTION_URL"], statement)


@pytest.fixture
def graph(
    platform: dict[str, str], stack: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Graph]:
    generate(tmp_path / "landing", seed=7, size=60)
    make_declared(stack, platform["SOFTCART_MONGO_ADMIN_URL"])
    home = tmp_path / "dagster"
    home.mkdir()
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    monkeypatch.setenv("SOFTCART_LANDING", str(tmp_path / "landing"))
    monkeypatch.setenv("SOFTCART_EXPORTS", str(tmp_path / "exports"))
    monkeypatch.setenv("SOFTCART_LAKE", str(tmp_path / "lake"))
    with DagsterInstance.get() as instance:
        graph = Graph(instance, platform)
        landed = {
            key
            for key in graph.definitions.resolve_all_asset_keys()
            if graph.definitions.resolve_asset_graph().get(key).group_name == "landing"
        }
        graph.run("refresh", asset_selection=sorted(landed))
        yield graph


def test_a_table_is_loaded_for_the_first_time_once(graph: Graph) -> None:
    loaded = graph.run("first_load", partition_key="raw.customers")
    assert [event.asset_key.to_user_string() for event in loaded.get_asset_materialization_events()] == [
        "raw/customers"
    ]
    rows = graph.staging(CUSTOMERS)
    assert len(rows) > 10
    assert graph.run("first_load", partition_key="raw.customers").success
    assert graph.staging(CUSTOMERS) == rows


def test_everything_is_read_anew_whatever_is_stored(graph: Graph) -> None:
    graph.run("reload_everything")
    before = graph.staging(CUSTOMERS), graph.staging(SALES)
    assert all(len(rows) > 10 for rows in before)
    assert len(before[0]) == graph.shop("SELECT count(*) FROM shop.customers")
    assert len(before[1]) == graph.shop("SELECT count(*) FROM shop.sales_data")
    graph.staging("UPDATE raw.customers SET country = 'nowhere'")
    graph.staging("DELETE FROM raw.sales_data WHERE rowid % 2 = 0")
    graph.run("reload_everything")
    assert (graph.staging(CUSTOMERS), graph.staging(SALES)) == before


@pytest.mark.extended  # a whole refresh comes before, with Spark and the forecast
@pytest.mark.timeout(1800)
def test_the_star_is_built_anew_and_every_hop_is_compared(graph: Graph) -> None:
    graph.run("refresh")
    facts = graph.production(FACTS)
    assert facts == graph.staging(f"{FACTS} WHERE NOT _deleted")

    rolled_up = graph.staging("SELECT sum(sales) FROM reports.sales_rollup")
    graph.staging("UPDATE star.fact_sales SET amount = 0 WHERE sale_key % 2 = 0")
    graph.staging("UPDATE reports.sales_rollup SET sales = sales + 1")
    graph.run("rebuild_star")
    assert graph.staging(f"{FACTS} WHERE NOT _deleted") == facts
    assert graph.production(FACTS) == facts
    assert graph.staging("SELECT sum(sales) FROM reports.sales_rollup") == rolled_up

    customers = graph.staging(CUSTOMERS)
    terms = graph.production("SELECT count(*), sum(searches) FROM reports.top_search_terms")
    assert terms != [(0, None)]
    graph.staging("UPDATE raw.customers SET country = 'nowhere'")
    graph.production("UPDATE star.fact_sales SET amount = 0 WHERE sale_key % 2 = 0")
    graph.production("DELETE FROM reports.top_search_terms")
    graph.run("compare_everything")
    assert graph.staging(CUSTOMERS) == customers
    assert graph.production(FACTS) == facts
    assert graph.production("SELECT count(*), sum(searches) FROM reports.top_search_terms") == terms


@pytest.mark.parametrize("job", ["reload_everything", "compare_everything", "reconcile"])
def test_a_thorough_job_does_not_judge_a_lag_that_sensors_alone_can(job: str) -> None:
    steps = {node.name for node in build_defs().resolve_job_def(job).nodes}
    assert "sync_mysql_to_staging" in steps
    assert "lag_of_mysql" not in steps


@pytest.mark.parametrize("job", ["first_load", "reload_table", "rebuild_star", "compare_everything"])
def test_a_job_that_may_take_hours_has_no_ceiling_of_two(job: str) -> None:
    assert int(build_defs().resolve_job_def(job).tags["dagster/max_runtime"]) > 24 * 3600
