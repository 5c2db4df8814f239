"""The metrics' endpoint, as Prometheus scrapes it from a process of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from urllib.request import urlopen

import dagster as dg
import pymysql
import pytest
from dagster import DagsterInstance

from softcart_assets.sensors.heartbeat import heartbeat
from softcart_assets.tables import TABLES
from stack.home import CLONE
from sync.engine import run_pass
from sync.sources.mysql.source import MySQLSource
from sync.targets.postgresql.target import PostgreSQLTarget
from tests.integration.declared import MYSQL_TYPES
from tests.integration.operations.receivers import free_port

CUSTOMERS = next(table for table in TABLES if table.qualified == "raw.customers")
PATIENCE_SECONDS = 120.0
RED = dg.AssetCheckKey(dg.AssetKey(["raw", "customers"]), "is_followed")


class Endpoint:
    """The process, and what it says."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.port = free_port()
        command = [sys.executable, "-m", "softcart_assets.monitoring.metrics", "--port", str(self.port)]
        self.process = subprocess.Popen(command, cwd=CLONE, env=environment)

    def scrape(self) -> dict[str, float]:
        """Each sample's value, by its name and labels as they are written."""
        until = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < until:
            assert self.process.poll() is None, "the endpoint has ended"
            with suppress(OSError), urlopen(f"http://127.0.0.1:{self.port}/metrics") as answer:
                text = answer.read().decode()
                assert "://" not in re.sub(r"(?m)^#.*", "", text)
                lines = [line for line in text.splitlines() if not line.startswith("#")]
                return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}
            time.sleep(0.2)
        raise AssertionError("nothing is served")


@pytest.fixture
def endpoint(
    platform: dict[str, str],
    shop: pymysql.Connection[pymysql.cursors.Cursor],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Endpoint]:
    """Of a platform that has synced two customers, a red check, all heartbeats, and no MongoDB."""
    with shop.cursor() as cursor:
        columns = ", ".join(f"{c.source_name} {MYSQL_TYPES.get(c.type, c.type)}" for c in CUSTOMERS.columns)
        cursor.execute(f"CREATE TABLE customers ({columns}, PRIMARY KEY (customer_id))")
        cursor.execute("INSERT INTO customers (customer_id) VALUES (1), (2)")
    target = PostgreSQLTarget(platform["SOFTCART_STAGING_URL"])
    with closing(MySQLSource(platform["SOFTCART_MYSQL_URL"])) as source:
        run_pass(CUSTOMERS, source, target, "test")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    with DagsterInstance.get() as instance:
        for name in ("mysql", "mongodb", "files", "staging"):
            instance.report_runless_asset_event(heartbeat(name))
        instance.report_runless_asset_event(
            dg.AssetCheckEvaluation(
                asset_key=RED.asset_key,
                check_name=RED.name,
                passed=False,
                severity=dg.AssetCheckSeverity.ERROR,
            )
        )
    away = f"mongodb://reader:secret@127.0.0.1:{free_port()}/catalog?serverSelectionTimeoutMS=500"
    served = Endpoint({**os.environ, "SOFTCART_MONGO_URL": away})
    yield served
    served.process.terminate()
    served.process.wait()


def test_a_scrape_has_tables_lag_checks_runs_and_heartbeats_and_names_what_is_down(
    endpoint: Endpoint, shop: pymysql.Connection[pymysql.cursors.Cursor]
) -> None:
    found = endpoint.scrape()
    of_table = next(name for name in found if name.startswith("softcart_table_rows{"))
    assert 'table="raw.customers"' in of_table and 'target="staging"' in of_table
    assert found[of_table] == 2
    assert found['softcart_lag_seconds{source="mysql",table="raw.customers"}'] == 0
    red = 'softcart_check_failed{asset="raw/customers",check="is_followed",severity="error"}'
    assert found[red] == 1
    assert found['softcart_runs{status="failure"}'] == 0
    up = {"mysql": 1, "staging": 1, "mongodb": 0}
    assert {name: found[f'softcart_system_up{{system="{name}"}}'] for name in up} == up
    for name in ("mysql", "mongodb", "files", "staging"):
        assert 0 <= found[f'softcart_heartbeat_age_seconds{{sensor="{name}"}}'] < PATIENCE_SECONDS

    with shop.cursor() as cursor:
        cursor.execute("INSERT INTO customers (customer_id) VALUES (3)")
    assert endpoint.scrape()['softcart_lag_seconds{source="mysql",table="raw.customers"}'] > 0
