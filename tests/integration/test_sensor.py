"""The sensor of MySQL, tick by tick."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pymysql
import pytest
from dagster import AssetCheckSeverity, DagsterInstance, DagsterRunStatus

from softcart_assets.code import LoadedCode
from softcart_assets.sensors import health, lag, log_retention
from softcart_assets.sensors import source as source_sensor
from softcart_assets.sensors import tick as tick_module
from sync import probe
from sync.connections.postgresql import connect_postgresql
from sync.sources.mysql.source import MySQLSource
from sync.spec import Strategy, Table
from sync.state import lease
from sync.targets.postgresql.target import PostgreSQLTarget
from tests.conftest import MySQLUrls
from tests.integration.sensor_support import Ticks
from tests.integration.sync_support import query

ORDERS = Table("orders", "mysql", "shop", key=("id",), strategy=Strategy.LOG)
LINES = Table("lines", "mysql", "shop", key=("id",), strategy=Strategy.LOG)
SIZES = Table("sizes", "mysql", "shop", key=("id",))
VISITS = Table("visits", "mysql", "shop", key=("id",), strategy=Strategy.WATERMARK, cursor="at")
TABLES = (ORDERS, LINES, SIZES, VISITS)


def run(connection: pymysql.Connection, *statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


@pytest.fixture(autouse=True)
def no_wait_for_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_sensor, "WAIT_SECONDS", 0.0)


@pytest.fixture
def ticks(platform: dict[str, str], shop: pymysql.Connection) -> Iterator[Ticks]:
    run(
        shop,
        *(f"CREATE TABLE `{name}` (id INT PRIMARY KEY, n INT)" for name in ("orders", "lines", "sizes")),
        "CREATE TABLE visits (id INT PRIMARY KEY, at TIMESTAMP(6) NOT NULL DEFAULT NOW(6))",
        "CREATE TABLE foreign_table (id INT)",
    )
    with DagsterInstance.ephemeral() as instance:
        yield Ticks(instance, TABLES, "mysql")


@pytest.fixture
def settled(ticks: Ticks) -> Ticks:
    ticks.settle()
    return ticks


def positions(url: str) -> dict[str, str]:
    return dict(query(url, "SELECT table_name, position FROM sync.tables"))


def later(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    now = time.time()
    monkeypatch.setattr("time.time", lambda: now + seconds)


def test_tables_that_were_never_synced_are_requested_with_all_that_is_behind_them_but_exports(
    ticks: Ticks,
) -> None:
    names = ("orders", "lines", "sizes", "visits")
    assert ticks.requested() == {f"{stage}/{name}" for stage in ("raw", "star") for name in names}


def test_a_table_that_somebody_has_emptied_is_requested(
    ticks: Ticks, shop: pymysql.Connection, staging: str
) -> None:
    run(shop, "INSERT INTO orders VALUES (1, 1)")
    ticks.settle()
    query(staging, "TRUNCATE raw.orders")
    assert ticks.requested() == {"raw/orders", "star/orders"}


def test_a_source_with_nothing_new_requests_nothing(settled: Ticks) -> None:
    assert settled.tick() == []
    assert settled.said == "nothing new"


@pytest.mark.parametrize(
    ("statement", "name"),
    [
        ("INSERT INTO orders VALUES (1, 1)", "orders"),
        ("TRUNCATE TABLE `lines`", "lines"),
        ("INSERT INTO sizes VALUES (1, 1)", "sizes"),
        ("INSERT INTO visits (id) VALUES (1)", "visits"),
        ("ALTER TABLE orders ADD note TEXT", "orders"),
    ],
)
def test_just_the_table_that_changed_is_requested(
    settled: Ticks, shop: pymysql.Connection, statement: str, name: str
) -> None:
    run(shop, statement)
    (request,) = settled.tick()
    assert {key.to_user_string() for key in request.asset_selection or ()} == {f"raw/{name}", f"star/{name}"}
    assert request.tags["softcart/changed"] == name
    assert settled.run(request)
    assert settled.tick() == []


def test_changes_of_foreign_tables_move_the_positions_on_and_request_nothing(
    settled: Ticks, shop: pymysql.Connection, platform: dict[str, str]
) -> None:
    before = positions(platform["SOFTCART_STAGING_URL"])
    run(shop, "INSERT INTO foreign_table VALUES (1)", "CREATE TABLE another (id INT)")
    assert settled.tick() == []
    after = positions(platform["SOFTCART_STAGING_URL"])
    followed = [table.name for table in TABLES if table.strategy is not Strategy.WATERMARK]
    with closing(MySQLSource(platform["SOFTCART_MYSQL_URL"])) as source:
        end = source.log_end()
        assert end is not None
        assert all(source.reached(after[name], end) for name in followed)
    assert all(after[name] != before[name] for name in followed)
    assert settled.tick() == []
    assert settled.said == "nothing new"
    run(shop, "INSERT INTO orders VALUES (1, 1)")
    settled.settle()
    assert query(platform["SOFTCART_STAGING_URL"], "SELECT id FROM raw.orders") == [(1,)]


def test_the_position_of_a_table_that_another_pass_is_at_stays(
    settled: Ticks, shop: pymysql.Connection, platform: dict[str, str]
) -> None:
    before = positions(platform["SOFTCART_STAGING_URL"])
    run(shop, "INSERT INTO foreign_table VALUES (1)")
    with (
        closing(connect_postgresql(platform["SOFTCART_STAGING_URL"])) as connection,
        lease(connection, "raw.orders"),
    ):
        assert settled.tick() == []
    after = positions(platform["SOFTCART_STAGING_URL"])
    assert (after["orders"] == before["orders"], after["lines"] == before["lines"]) == (True, False)


def test_a_long_log_is_looked_through_in_several_ticks(
    settled: Ticks, shop: pymysql.Connection, platform: dict[str, str]
) -> None:
    run(shop, *("INSERT INTO foreign_table VALUES (1)" for _ in range(20)))
    with (
        closing(MySQLSource(platform["SOFTCART_MYSQL_URL"])) as source,
        closing(PostgreSQLTarget(platform["SOFTCART_STAGING_URL"])) as target,
    ):
        end = source.log_end()
        assert end is not None
        looks = 0
        while True:
            (probed,) = probe.probed_tables(
                [ORDERS], source, end, {"staging": target.states()}, {}, {"staging": ()}
            )
            if not probe.behind([probed], source, end):
                break
            findings = probe.find([probed], source, end, seconds=0)
            assert probe.advance(probed, target, findings.quiet[ORDERS], end.at)
            looks += 1
    assert looks > 10


def test_nothing_is_requested_while_a_run_of_the_source_is_in_flight(
    settled: Ticks, shop: pymysql.Connection
) -> None:
    run(shop, "INSERT INTO orders VALUES (1, 1)")
    (request,) = settled.tick()
    settled.begin(request, DagsterRunStatus.STARTED)
    run(shop, "INSERT INTO `lines` VALUES (1, 1)")
    assert settled.tick() == []
    assert "is in flight" in str(settled.said)


def test_a_tick_waits_for_a_run_that_is_about_to_end_and_looks_anew(
    settled: Ticks, shop: pymysql.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(shop, "INSERT INTO orders VALUES (1, 1)")
    (request,) = settled.tick()
    begun = settled.begin(request, DagsterRunStatus.STARTED)
    find = source_sensor.in_flight

    def find_and_end(*given: Any) -> str | None:
        found = find(*given)
        if found == begun:
            settled.instance.delete_run(begun)
            assert settled.run(request)
            run(shop, "INSERT INTO `lines` VALUES (1, 1)")
        return found

    monkeypatch.setattr(source_sensor, "in_flight", find_and_end)
    assert settled.requested() == {"raw/lines", "star/lines"}


def test_a_table_that_fails_waits_longer_each_time_and_holds_no_other_back(
    settled: Ticks, shop: pymysql.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(shop, "DROP TABLE orders", "INSERT INTO `lines` VALUES (1, 1)")
    (request,) = settled.tick()
    assert not settled.run(request)
    assert settled.requested() == set()
    assert "raw/orders: tried again in 1" in str(settled.said)
    assert "failed: raw.orders: MySQL has no table shop.orders" in str(settled.said)
    run(shop, "INSERT INTO `lines` VALUES (2, 1)")
    assert settled.requested() == {"raw/lines", "star/lines"}
    run(shop, "CREATE TABLE orders (id INT PRIMARY KEY, n INT)")
    later(monkeypatch, 20)
    assert "raw/orders" in settled.requested()


def test_runs_that_fail_behind_the_synced_tables_are_requested_less_and_less_often(
    settled: Ticks, shop: pymysql.Connection
) -> None:
    def tick_after(seconds: float) -> list[dg.RunRequest]:
        """Only the tick is later: what Dagster records of a run is by the clock, whatever Python does."""
        with pytest.MonkeyPatch.context() as clock:
            later(clock, seconds)
            return settled.tick()

    run(shop, "INSERT INTO orders VALUES (1, 1)")
    for number, wait in ((2, 0), (3, 20)):
        (request,) = tick_after(wait)
        assert not settled.run(request, fail="yes")
        run(shop, f"INSERT INTO orders VALUES ({number}, 1)")
        assert settled.tick() == []
    assert tick_after(20) == []
    (request,) = tick_after(40)
    assert settled.run(request)


def test_a_source_that_is_down_is_named_by_each_tick_and_asked_less_often_until_it_answers(
    settled: Ticks, shop: pymysql.Connection, platform: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run(shop, "INSERT INTO orders VALUES (1, 1)")
    monkeypatch.setenv("SOFTCART_MYSQL_URL", "mysql://softcart@127.0.0.1:1/shop")
    assert settled.tick() == []
    assert "127.0.0.1:1" in str(settled.said)
    for seconds in (1, 10, 100):
        later(monkeypatch, seconds)
        assert settled.tick() == []
        assert "127.0.0.1:1" in str(settled.said)
    assert json.loads(str(settled.cursor))["failures"] == 3
    monkeypatch.setenv("SOFTCART_MYSQL_URL", platform["SOFTCART_MYSQL_URL"])
    later(monkeypatch, 100)
    assert settled.requested() == {"raw/orders", "star/orders"}


def test_a_source_that_goes_down_and_comes_back_is_to_be_seen_at_each_of_its_tables(
    settled: Ticks, platform: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def seen() -> dict[str, tuple[bool, str]]:
        return {
            check.asset_key.path[-1]: (check.passed, str(check.description))
            for check in settled.reported
            if check.check_name == health.CHECK
        }

    names = {"orders", "lines", "sizes", "visits"}
    assert settled.tick() == []
    assert seen() == {}
    monkeypatch.setenv("SOFTCART_MYSQL_URL", "mysql://softcart@127.0.0.1:1/shop")
    assert settled.tick() == []
    assert seen().keys() == names
    assert all(not passed and "127.0.0.1:1" in why for passed, why in seen().values())
    later(monkeypatch, 10)
    assert settled.tick() == []
    assert seen() == {}
    monkeypatch.setenv("SOFTCART_MYSQL_URL", platform["SOFTCART_MYSQL_URL"])
    later(monkeypatch, 100)
    assert settled.tick() == []
    assert seen() == dict.fromkeys(names, (True, "None"))


def test_a_table_that_is_stuck_turns_red_and_is_green_again_once_it_was_synced(
    settled: Ticks, shop: pymysql.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def seen() -> dict[str, bool]:
        return {
            check.asset_key.path[-1]: check.passed
            for check in settled.reported
            if check.check_name == lag.CHECK
        }

    monkeypatch.setenv(lag.SETTING, "0.02")
    run(shop, "INSERT INTO orders VALUES (1, 1)")
    (request,) = settled.tick()
    assert seen() == {}
    time.sleep(2.5)
    settled.tick()
    assert seen() == {"orders": False}
    settled.tick()
    assert seen() == {}
    assert settled.run(request)
    assert settled.tick() == []
    assert seen() == {"orders": True}


def test_a_quiet_night_makes_no_table_late(
    settled: Ticks, shop: pymysql.Connection, platform: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    query(
        platform["SOFTCART_STAGING_URL"], "UPDATE sync.tables SET synced_at = synced_at - interval '8 hours'"
    )
    run(shop, "INSERT INTO orders VALUES (1, 1)")
    assert settled.tick() != []
    assert not [check for check in settled.reported if check.check_name == lag.CHECK and not check.passed]


def test_a_sensor_says_each_minute_that_it_looks_and_not_while_it_cannot(
    settled: Ticks, monkeypatch: pytest.MonkeyPatch
) -> None:
    later(monkeypatch, 100)
    settled.tick()
    assert [beat.asset_key.to_user_string() for beat in settled.beats] == ["heartbeat/mysql"]
    settled.tick()
    assert settled.beats == []
    monkeypatch.setenv("SOFTCART_MYSQL_URL", "mysql://softcart@127.0.0.1:1/shop")
    later(monkeypatch, 200)
    settled.tick()
    assert settled.beats == []


def test_definitions_that_changed_on_disk_are_to_be_reloaded_and_request_nothing(
    settled: Ticks, shop: pymysql.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    declared = tmp_path / "code" / "tables.py"
    declared.parent.mkdir()
    declared.write_text("FULL")
    monkeypatch.setattr(tick_module, "LoadedCode", lambda: LoadedCode(tmp_path, ["code"]))
    loaded = Ticks(settled.instance, TABLES, "mysql")
    loaded.cursor = settled.cursor
    run(shop, "INSERT INTO orders VALUES (1, 1)")
    declared.write_text("LOG")
    for _ in range(2):
        assert loaded.tick() == []
        assert "definitions changed: reload" in str(loaded.said)
        assert "code/tables.py" in str(loaded.said)
    reloaded = Ticks(settled.instance, TABLES, "mysql")
    reloaded.cursor = loaded.cursor
    assert reloaded.requested() == {"raw/orders", "star/orders"}
    assert {check.passed for check in reloaded.reported if check.check_name == health.CHECK} == {True}


def test_a_position_that_the_log_does_not_have_is_left_to_the_pass_to_explain(
    settled: Ticks, platform: dict[str, str]
) -> None:
    lost = '{"file": "binlog.000001", "position": 4, "gtid": "0-77-99999999"}'
    query(platform["SOFTCART_STAGING_URL"], f"UPDATE sync.tables SET position = '{lost}'")
    (request,) = settled.tick()
    assert not settled.run(request)


def test_a_lost_cursor_costs_one_more_run_at_most(settled: Ticks) -> None:
    settled.cursor = None
    assert settled.requested() == {"raw/visits", "star/visits"}


def test_a_table_that_used_up_half_of_the_logs_retention_is_warned_of(
    settled: Ticks, platform: dict[str, str]
) -> None:
    with (
        closing(MySQLSource(platform["SOFTCART_MYSQL_URL"])) as source,
        closing(PostgreSQLTarget(platform["SOFTCART_STAGING_URL"])) as target,
    ):
        end = source.log_end()
        assert end is not None
        found = probe.probed_tables([ORDERS], source, end, {"staging": target.states()}, {}, {"staging": ()})
        much_later = probe.LogEnd(end.position, end.at + timedelta(hours=6))
    assert probe.purge_warnings(found, much_later, timedelta(days=1)) == {}
    warning = probe.purge_warnings(found, much_later, timedelta(hours=10))[ORDERS]
    assert "raw.orders is 6.0 hours behind" in warning
    assert "keeps its log for 10.0 hours" in warning


def test_a_log_that_is_not_read_in_time_is_a_warning_on_the_table(
    settled: Ticks, shop: pymysql.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(shop, "INSERT INTO orders VALUES (1, 1)")
    monkeypatch.setattr(MySQLSource, "keeps_log", lambda source: timedelta(0))
    later(monkeypatch, 700)
    assert settled.tick() != []
    said = [event for event in settled.reported if event.check_name == log_retention.CHECK]
    assert {(event.asset_key.path[-1], event.passed) for event in said} == {
        ("orders", False),
        ("lines", False),
    }
    assert all(event.severity is AssetCheckSeverity.WARN for event in said)
    settled.tick()
    assert settled.reported == []


def test_the_check_of_the_log_warns_in_a_run_and_holds_nothing_back(
    settled: Ticks, monkeypatch: pytest.MonkeyPatch
) -> None:
    for kept, passes in ((timedelta(days=1), True), (timedelta(0), False)):
        monkeypatch.setattr(MySQLSource, "keeps_log", lambda source, kept=kept: kept)
        result = settled.definitions.resolve_job_def("checks").execute_in_process(instance=settled.instance)
        assert result.success
        verdicts = {check.asset_key.path[-1]: check.passed for check in result.get_asset_check_evaluations()}
        assert verdicts == {"orders": passes, "lines": passes}


def test_a_real_mysql_says_how_long_it_keeps_its_log(mysql_server: MySQLUrls) -> None:
    with closing(MySQLSource(mysql_server.reader)) as source:
        assert source.keeps_log() == timedelta(days=30)
