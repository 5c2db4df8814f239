"""The sensor for new files, tick by tick."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from dagster import DagsterInstance

from softcart_assets.file_tables import CHARGES, ORDER_LINES
from tests.integration.sensor_support import Ticks
from tests.integration.sync_support import query

HEADER = "charge_id,sale,amount,currency,status,updated_at\n"


@pytest.fixture
def charges(platform: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "bucket"
    folder.mkdir()
    monkeypatch.setenv("SOFTCART_CHARGES", str(folder))
    return folder


@pytest.fixture
def ticks(charges: Path) -> Ticks:
    return Ticks(DagsterInstance.ephemeral(), [CHARGES, ORDER_LINES], "files")


def test_a_new_file_requests_its_table_alone_and_what_is_behind_it(ticks: Ticks, charges: Path) -> None:
    assert ticks.tick() == []
    assert ticks.said == "no file is new"
    (charges / "1.csv").write_text(HEADER + "1,1,9.50,EUR,paid,2026-01-02T00:00:00+00:00\n")
    (charges / "_2.csv").write_text("somebody is writing it")
    [request] = ticks.tick()
    asked = {key.to_user_string() for key in request.asset_selection or ()}
    assert asked == {"raw/charges", "star/charges"}
    assert ticks.run(request)
    assert query(os.environ["SOFTCART_STAGING_URL"], "SELECT charge_id FROM raw.charges") == [(1,)]
    assert ticks.tick() == []
    assert ticks.said == "no file is new"


def test_a_file_that_is_uploaded_late_or_replaced_is_seen_whatever_its_time(
    ticks: Ticks, charges: Path
) -> None:
    (charges / "2.csv").write_text(HEADER + "1,1,9.50,EUR,paid,2026-01-02T00:00:00+00:00\n")
    ticks.settle()
    (charges / "1.csv").write_text(HEADER + "2,1,9.50,EUR,paid,2026-01-01T00:00:00+00:00\n")
    os.utime(charges / "1.csv", (0, 0))
    ticks.settle()
    (charges / "2.csv").write_text(HEADER + "1,1,9.50,EUR,refunded,2026-01-03T00:00:00+00:00\n")
    ticks.settle()
    held = query(os.environ["SOFTCART_STAGING_URL"], "SELECT charge_id, status FROM raw.charges ORDER BY 1")
    assert held == [(1, "refunded"), (2, "paid")]


def test_a_place_that_is_gone_is_named(ticks: Ticks, charges: Path) -> None:
    charges.rmdir()
    assert ticks.tick() == []
    assert f"{charges} is no folder that can be read" in str(ticks.said)
