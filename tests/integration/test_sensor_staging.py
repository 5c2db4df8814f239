"""The sensor of staging, tick by tick, on one model and its mirror."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from typing import Any

import dagster as dg
import pytest
from dagster import DagsterInstance, DagsterRunStatus

from softcart_assets.build import resources
from softcart_assets.dbt.graph import Model, Project
from softcart_assets.dbt.state import prepare_models
from softcart_assets.production import MirroredTable
from softcart_assets.sensors import build_sensors
from sync import state
from sync.connections.postgresql import connect_postgresql
from sync.errors import SyncError
from sync.warehouses.mirror import mirror
from sync.warehouses.postgresql.staging import PostgreSQLStaging
from sync.warehouses.postgresql.warehouse import PostgreSQLWarehouse
from sync.warehouses.schema import TableName
from tests.integration.sensor_support import Ticks
from tests.integration.sync_support import query

TOTALS = TableName("star", "totals")
MODEL = Model(
    unique_id="model.softcart.totals",
    selector="softcart.totals",
    name=TOTALS.table,
    schema=TOTALS.schema,
    description="",
    columns=(),
    key=("id",),
    foreign_keys=(),
    inputs=(("raw", "orders"),),
    group_columns=(),
    order_by=(),
    step="dbt",
)
DDL = """
    CREATE TABLE raw.orders (id bigint PRIMARY KEY, _batch bigint NOT NULL);
    CREATE TABLE star.totals (
        id bigint PRIMARY KEY, n bigint, _batch bigint NOT NULL, _deleted boolean NOT NULL DEFAULT false
    )
"""
SYNC = "INSERT INTO raw.orders SELECT count(*), sync.next_batch() FROM raw.orders"
BUILD = """
    WITH batch AS (SELECT sync.next_batch() AS number),
    built AS (INSERT INTO star.totals SELECT number, 1, number FROM batch)
    INSERT INTO sync.models (
        model, batch, identity, fingerprint, version, inserted, updated, deleted, built_at
    )
    SELECT 'totals', number, id, '', 'this one', 0, 0, 0, now() FROM batch CROSS JOIN sync.identity
    ON CONFLICT (model) DO UPDATE SET batch = excluded.batch
"""
PASS = "UPDATE sync.models SET audited_batch = batch"
BEHIND_STAR = {"star/totals", "production/totals"}


def definitions() -> dg.Definitions:
    specs = [
        dg.AssetSpec(["raw", "orders"], group_name="raw"),
        dg.AssetSpec(["star", "totals"], deps=[dg.AssetKey(["raw", "orders"])], group_name="star"),
        dg.AssetSpec(
            ["production", "totals"], deps=[dg.AssetKey(["star", "totals"])], group_name="production"
        ),
        dg.AssetSpec(
            ["exports", "totals"], deps=[dg.AssetKey(["production", "totals"])], group_name="exports"
        ),
    ]

    @dg.multi_asset(specs=specs, can_subset=True)
    def graph(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[Any]]:
        if context.run.tags.get("fail"):
            raise dg.Failure("as the test wants it", allow_retries=False)
        for key in sorted(context.selected_asset_keys):
            yield dg.MaterializeResult(key)

    job = dg.define_asset_job("sync", executor_def=dg.in_process_executor)
    mirrored = [MirroredTable(TOTALS, "", ())]
    return dg.Definitions(
        assets=[graph],
        jobs=[job],
        sensors=build_sensors([], Project((MODEL,), ()), mirrored, job.name, ["refresh"]),
        resources=resources(),
    )


@pytest.fixture
def ticks(platform: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Ticks]:
    monkeypatch.setattr("softcart_assets.dbt.warm.Keeper.keep", lambda keeper: None)
    monkeypatch.setattr("softcart_assets.sensors.staging.project_version", lambda *_: "this one")
    with closing(connect_postgresql(platform["SOFTCART_STAGING_URL"])) as connection:
        state.prepare(connection, schemas=("raw", "star"))
        prepare_models(connection)
    with DagsterInstance.ephemeral() as instance:
        yield Ticks(instance, (), "staging", definitions())


@pytest.fixture
def change(platform: dict[str, str]) -> Callable[[str], object]:
    return lambda statement: query(platform["SOFTCART_STAGING_URL"], statement)


@pytest.fixture
def carry_over(platform: dict[str, str]) -> Callable[[], object]:
    """Bring production to where staging is."""

    def run() -> None:
        with ExitStack() as opened:
            staging, production = (
                opened.enter_context(closing(connect_postgresql(platform[f"SOFTCART_{name}_URL"])))
                for name in ("STAGING", "PRODUCTION")
            )
            warehouse = PostgreSQLWarehouse(lambda: production)
            mirror(PostgreSQLStaging(staging), warehouse, [TOTALS], "test")

    return run


@pytest.fixture
def settled(ticks: Ticks, change: Callable[[str], object], carry_over: Callable[[], object]) -> Ticks:
    for statement in (DDL, SYNC, BUILD, PASS):
        change(statement)
    carry_over()
    assert ticks.tick() == []
    assert ticks.said == "production has what staging has"
    return ticks


def test_a_staging_database_in_which_nothing_was_built_requests_nothing(ticks: Ticks) -> None:
    assert ticks.tick() == []
    assert ticks.said == "production has what staging has"


def test_a_model_behind_its_input_is_requested_with_production_and_without_exports(
    settled: Ticks, change: Callable[[str], object]
) -> None:
    change(SYNC)
    assert settled.requested() == BEHIND_STAR


@pytest.mark.parametrize(
    "change_of",
    [
        "UPDATE sync.identity SET id = gen_random_uuid()",
        "UPDATE sync.models SET version = 'another one'",
        "DROP TABLE star.totals",
        "COMMENT ON TABLE sync.models IS 'as an earlier release left it'",
    ],
    ids=["another database", "another version", "no table", "an earlier release"],
)
def test_a_model_that_is_not_what_it_should_be_is_requested(
    settled: Ticks, change: Callable[[str], object], change_of: str
) -> None:
    change(change_of)
    assert settled.requested() == BEHIND_STAR


def test_production_behind_a_built_model_is_requested_alone(
    settled: Ticks, change: Callable[[str], object], carry_over: Callable[[], object]
) -> None:
    change(SYNC)
    change(BUILD)
    change(PASS)
    (request,) = settled.tick()
    assert {key.to_user_string() for key in request.asset_selection or ()} == {"production/totals"}
    assert settled.run(request)
    carry_over()
    assert settled.tick() == []


def test_a_model_whose_build_did_not_pass_is_requested_before_production(
    settled: Ticks, change: Callable[[str], object], carry_over: Callable[[], object]
) -> None:
    change(SYNC)
    change(BUILD)
    assert settled.requested() == BEHIND_STAR
    with pytest.raises(SyncError, match="totals: the last build failed its checks"):
        carry_over()


def test_nothing_is_requested_while_a_run_of_the_same_is_in_flight(
    settled: Ticks, change: Callable[[str], object]
) -> None:
    change(SYNC)
    (request,) = settled.tick()
    settled.begin(request, DagsterRunStatus.STARTED)
    assert settled.tick() == []
    assert "is in flight" in str(settled.said)


def test_a_run_that_failed_is_requested_again_later(
    settled: Ticks, change: Callable[[str], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    change(SYNC)
    (request,) = settled.tick()
    assert not settled.run(request, fail="yes")
    assert settled.tick() == []
    assert "tried again in" in str(settled.said)
    assert str(settled.said).endswith("failed: as the test wants it")
    now = time.time()
    monkeypatch.setattr("time.time", lambda: now + 20)
    assert settled.requested() == BEHIND_STAR


@pytest.mark.parametrize("name", ["SOFTCART_STAGING_URL", "SOFTCART_PRODUCTION_URL"])
def test_a_database_that_is_down_is_named_by_each_tick_and_asked_less_often(
    settled: Ticks,
    change: Callable[[str], object],
    platform: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    change(SYNC)
    monkeypatch.setenv(name, "postgresql://nobody@127.0.0.1:1/nothing")
    assert settled.tick() == []
    assert "127.0.0.1" in str(settled.said)
    now = time.time()
    for seconds in (1, 10, 100):
        monkeypatch.setattr("time.time", lambda later=now + seconds: later)
        assert settled.tick() == []
        assert settled.said and "127.0.0.1" in settled.said
        assert settled.tick() == []
        assert "127.0.0.1" in settled.said
        assert "asked again in" in settled.said
    assert json.loads(str(settled.cursor))["failures"] == 3
    monkeypatch.setenv(name, platform[name])
    monkeypatch.setattr("time.time", lambda: now + 300)
    assert settled.requested() == BEHIND_STAR
