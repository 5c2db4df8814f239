"""dbt in a process that is kept ready for it."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psutil
import psycopg2
import pytest

from softcart_assets.dbt import runner, warm
from softcart_assets.dbt.runner import DbtError
from tests.integration.star.staging import STAR, Staging, day

UTC = "UTC"


@pytest.fixture(scope="module")
def keeper(star_database: Staging) -> Iterator[warm.Keeper]:
    with closing(warm.Keeper()) as keeper:
        keeper.keep()
        yield keeper


def build(warehouse: Staging, *names: str) -> dict[str, str]:
    results = warm.build(warehouse.url, names, UTC, False)
    return {result.unique_id.split(".")[-1]: result.status for result in results}


def kept_by(keeper: warm.Keeper) -> psutil.Process:
    process = keeper._process
    assert process is not None
    return psutil.Process(process.pid)


def kill(process: psutil.Process) -> None:
    os.kill(process.pid, signal.SIGKILL)
    process.wait()


def folder() -> Path:
    """Where the process listens that takes requests now."""
    return Path(json.loads((warm.target_folder() / "warm.json").read_text())["address"]).parent


@pytest.fixture
def alone_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "build", lambda *_: pytest.fail("dbt was run in this process"))


@pytest.mark.usefixtures("keeper", "alone_fails")
def test_builds_one_after_the_other_in_the_process_that_is_ready(warehouse: Staging) -> None:
    for rowid in (1, 2):
        warehouse.put("sales_data", rowid=rowid, product_id=1, price=1, quantity=1, timestamp=day(1))
        assert build(warehouse, *STAR) == dict.fromkeys(STAR, "success")
        assert warehouse.value("SELECT count(*) FROM star.fact_sales") == rowid


@pytest.mark.usefixtures("keeper", "alone_fails")
def test_what_the_database_says_of_a_model_comes_back(warehouse: Staging) -> None:
    warehouse.execute("ALTER TABLE raw.sales_data RENAME COLUMN price TO cost")
    results = {
        result.unique_id.split(".")[-1]: result for result in warm.build(warehouse.url, STAR, UTC, False)
    }
    assert results["fact_sales"].status == "error"
    assert "column sale.price does not exist" in results["fact_sales"].message
    assert results["dim_date"].status == "success"


@pytest.mark.usefixtures("keeper", "alone_fails")
def test_what_dbt_cannot_run_is_an_error_here(warehouse: Staging) -> None:
    with pytest.raises(DbtError, match="connection"):
        list(warm.build("postgresql://nobody:x@127.0.0.1:1/nothing", ["dim_date"], UTC, False))


def test_without_such_a_process_it_is_built_here(warehouse: Staging, keeper: warm.Keeper) -> None:
    keeper.close()
    assert build(warehouse, "dim_date") == {"dim_date": "success"}


def test_a_build_goes_on_here_when_the_process_that_began_it_is_killed(
    warehouse: Staging, keeper: warm.Keeper
) -> None:
    keeper.keep()
    build(warehouse, *STAR)
    warehouse.put("sales_data", rowid=1, product_id=1, price=1, quantity=1, timestamp=day(1))
    with closing(psycopg2.connect(warehouse.url)) as other:
        other.cursor().execute("LOCK TABLE star.fact_sales IN SHARE MODE")  # whoever writes it has to wait
        results = warm.build(warehouse.url, STAR, UTC, False)
        reported = [next(results)]
        process = kept_by(keeper)
        building = max(process.children(), key=lambda child: child.create_time())
        kill(process)
        assert warm._connect() is None  # the one that still builds takes no request
        building.kill()
    reported += results
    statuses = [(result.name, result.status) for result in reported]
    assert sorted(statuses) == [(name, "success") for name in sorted(STAR)]
    assert warehouse.value("SELECT count(*) FROM star.fact_sales") == 1


def test_the_folder_of_one_that_was_killed_goes_when_the_next_one_begins(keeper: warm.Keeper) -> None:
    keeper.keep()
    left = folder()
    kill(kept_by(keeper))
    assert left.exists()
    keeper.keep()
    assert not left.exists()
    used = folder()
    keeper.close()
    assert not used.exists()


@pytest.mark.usefixtures("alone_fails")
def test_of_two_that_are_kept_the_other_one_takes_requests_when_one_has_ended(warehouse: Staging) -> None:
    with closing(warm.Keeper()) as first:
        first.keep()
        with closing(warm.Keeper()) as second:
            second.keep()
            assert folder().exists()
        first.keep()
        assert build(warehouse, "dim_date") == {"dim_date": "success"}
