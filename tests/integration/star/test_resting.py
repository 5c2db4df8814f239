"""Tests of large tables rest as long as nothing changes that they read; every other one is asked."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from softcart_assets.dbt import compiled, resting
from softcart_assets.dbt.compiled import results
from softcart_assets.dbt.loading import load_project
from softcart_assets.dbt.resting import tables_of
from tests.integration.star.staging import STAR, Staging, day

ASKED = ("no_sale_is_dropped", "customers_are_current", "constraints_are_enforced_fact_sales_")
TAMPERED = "UPDATE star.fact_sales SET amount = amount + 1"


def run(warehouse: Staging, rebuild: bool = False, alone: bool = False) -> dict[str, str]:
    """How each test ended that a run of the star and the history asked, or a run of tests `alone`."""
    project = load_project()
    built = () if alone else (*STAR, "sales_history")
    models = [model for model in project.models if model.name in built]
    tests = [test for test in project.tests if test.name in ASKED]
    ended = results(warehouse.url, warehouse.connection, models, tests, "UTC", rebuild)
    names = {test.unique_id: test.name for test in tests}
    found = {result.unique_id: result.status for result in ended}
    assert {found[model.unique_id] for model in models} <= {"success"}
    return {name: found[unique_id] for unique_id, name in names.items()}


def sell(warehouse: Staging, rowid: int) -> None:
    warehouse.put("sales_data", rowid=rowid, product_id=1, price=1, quantity=1, timestamp=day(1))


@pytest.fixture
def passed(warehouse: Staging) -> Staging:
    """A star whose tests were compiled, asked and passed."""
    sell(warehouse, 1)
    for _ in range(2):
        assert run(warehouse) == dict.fromkeys(ASKED, "pass")
    return warehouse


@pytest.fixture
def large(passed: Staging, monkeypatch: pytest.MonkeyPatch) -> Staging:
    monkeypatch.setattr(resting, "LARGE", -2)  # a table that was never analyzed has -1 rows
    return passed


def test_what_passed_is_not_asked_again_until_something_changes(large: Staging) -> None:
    large.execute(TAMPERED)
    assert run(large) == dict.fromkeys(ASKED, "pass")
    sell(large, 2)
    assert run(large)["no_sale_is_dropped"] == "fail"
    assert run(large)["no_sale_is_dropped"] == "fail"


def test_what_a_whole_run_has_found_stays_red_until_it_is_repaired(large: Staging) -> None:
    large.execute(TAMPERED)
    assert run(large)["no_sale_is_dropped"] == "pass"
    assert run(large, alone=True)["no_sale_is_dropped"] == "fail"
    for _ in range(2):
        assert run(large)["no_sale_is_dropped"] == "fail"
    large.execute("UPDATE star.fact_sales SET amount = amount - 1")
    for _ in range(2):
        assert run(large) == dict.fromkeys(ASKED, "pass")
    large.execute(TAMPERED)
    assert run(large)["no_sale_is_dropped"] == "pass"


def test_a_test_of_small_tables_is_asked_each_time(passed: Staging) -> None:
    passed.execute(TAMPERED)
    assert run(passed)["no_sale_is_dropped"] == "fail"


def test_what_the_server_alone_knows_is_asked_each_time(large: Staging) -> None:
    name = large.value(
        "SELECT conname FROM pg_constraint WHERE conrelid = 'star.fact_sales'::regclass AND contype = 'p'"
    )
    large.execute(f'ALTER TABLE star.fact_sales DROP CONSTRAINT "{name}" CASCADE')
    assert run(large)["constraints_are_enforced_fact_sales_"] == "fail"


def test_another_version_of_the_project_asks_anew(large: Staging, monkeypatch: pytest.MonkeyPatch) -> None:
    large.execute(TAMPERED)
    monkeypatch.setattr(compiled, "project_version", lambda *_: "another")
    assert run(large)["no_sale_is_dropped"] == "fail"


def test_a_build_from_all_rows_asks_everything(large: Staging) -> None:
    large.execute("UPDATE star.dim_customer SET is_current = false WHERE customer_id IS NOT NULL")
    large.execute("UPDATE raw.sales_data SET price = price + 1")  # of no batch of its own
    assert run(large)["no_sale_is_dropped"] == "pass"
    assert run(large, rebuild=True)["no_sale_is_dropped"] == "pass"
    assert large.value("SELECT amount FROM star.fact_sales") == 2


def test_what_changes_while_others_are_built_wakes_a_test(
    large: Staging, monkeypatch: pytest.MonkeyPatch
) -> None:
    build = compiled.build

    def overtaken(*arguments: Any) -> Iterator[Any]:
        sell(large, 2)
        yield from build(*arguments)
        large.execute(TAMPERED)

    monkeypatch.setattr(compiled, "build", overtaken)
    large.put(
        "sales_history", sale_id=1, year=2021, month=1, day=2, quarter=1, date=date(2021, 1, 2), price=1
    )
    assert run(large)["no_sale_is_dropped"] == "fail"


@pytest.mark.parametrize(
    ("query", "tables"),
    [
        ('select 1 from "db"."raw"."a" join other on true', ['"raw"."a"']),
        ("with b as (select * from star.c) select * from b, sync.models", ['"star"."c"']),
        ("select * from raw.a where _batch > :audited(fact_sales/fact_sales)", ['"raw"."a"']),
        ("select current_versions from raw.a", ['"raw"."a"']),
        ("select * from raw.a where sold_at < now()", []),
        ("select * from raw.a where sold_on < current_date", []),
        ("this is no query from raw.a", []),
    ],
    ids=["joined", "named", "bounded", "a column", "now", "today", "unknown"],
)
def test_the_tables_of_a_query(query: str, tables: list[str]) -> None:
    assert tables_of(query) == tables
