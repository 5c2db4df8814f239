"""dbt in a process that is kept ready for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from softcart_assets.dbt import runner, warm
from softcart_assets.dbt.runner import DbtError
from tests.integration.star.staging import STAR, Staging, day

UTC = "UTC"


@pytest.fixture(scope="module")
def keeper() -> Iterator[warm.Keeper]:
    with closing(warm.Keeper()) as keeper:
        keeper.keep()
        yield keeper


def build(warehouse: Staging, *names: str) -> dict[str, str]:
    results = warm.build(warehouse.url, names, UTC, False)
    return {result.unique_id.split(".")[-1]: result.status for result in results}


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
