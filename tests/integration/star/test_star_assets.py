"""Star and reports as Dagster shows them."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import dagster as dg
import pytest

from resources.postgresql import PostgreSQLResource
from softcart_assets.dbt import compiled, project, runner
from softcart_assets.dbt.assets import build_dbt_assets
from softcart_assets.dbt.graph import OP
from softcart_assets.dbt.loading import load_project
from tests.integration.star.staging import STAR, Staging, day

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
MODELS = [model for model in load_project().models if model.step == OP]
OF_STEP = {model.name for model in MODELS}


def behind(name: str) -> set[str]:
    """The model and all that read it, directly or by way of others."""
    found = {name}
    while more := {model.name for model in MODELS if {table for _, table in model.inputs} & found} - found:
        found |= more
    assert found >= {name, "sales_by_year_country"}
    return found


def materialize(warehouse: Staging, *models: str, rebuild: bool = False) -> dg.ExecuteInProcessResult:
    """A run of the named models, or of all."""
    return dg.materialize(
        build_dbt_assets(),
        resources={"staging": PostgreSQLResource(url=warehouse.url)},
        selection=[dg.AssetKey(["star", model]) for model in models] or None,
        run_config={**QUIET, "ops": {OP: {"config": {"rebuild": rebuild}}}},
        raise_on_error=False,
    )


def figures(result: dg.ExecuteInProcessResult) -> dict[str, Mapping[str, dg.MetadataValue]]:
    return {
        materialization.asset_key.path[-1]: materialization.metadata
        for materialization in result.asset_materializations_for_node("dbt")
    }


def counted(result: dg.ExecuteInProcessResult, model: str) -> list[int]:
    names = ("dagster/row_count", "inserted", "updated", "deleted")
    return [figures(result)[model][name].value for name in names]


def verdicts(result: dg.ExecuteInProcessResult) -> dict[tuple[str, str], tuple[bool, str | None]]:
    return {
        (check.asset_key.path[-1], check.check_name): (check.passed, check.description)
        for check in result.get_asset_check_evaluations()
    }


def reason(result: dg.ExecuteInProcessResult) -> str:
    [failed] = result.filter_events(lambda event: event.is_step_failure)
    return failed.step_failure_data.user_failure_data.description


def test_a_run_shows_rows_seconds_and_the_verdict_of_every_test(warehouse: Staging) -> None:
    warehouse.put("dim_date", dateid=7, date=date(2021, 3, 31), quarter=2)
    for rowid in (1, 2):
        warehouse.put("sales_data", rowid=rowid, product_id=1, price=1, quantity=1, timestamp=day(1))
    first = materialize(warehouse)
    assert first.success
    assert counted(first, "fact_sales") == [2, 2, 0, 0]
    assert figures(first)["sales_cube"]["seconds"].value > 0
    [warning] = [check for check in first.get_asset_check_evaluations() if not check.passed]
    assert warning.check_name == "calendar_contradictions"
    assert warning.severity is dg.AssetCheckSeverity.WARN
    assert warning.description == "1 row: dateid 7 (date 2021-03-31, contradiction quarter 2)"

    second = materialize(warehouse)
    assert counted(second, "fact_sales") == [2, 0, 0, 0]
    assert set(figures(second)) == set(figures(first))


def test_a_run_that_finds_nothing_to_build_asks_the_tests_without_dbt(
    warehouse: Staging, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse.put("dim_date", dateid=7, date=date(2021, 3, 31), quarter=2)
    warehouse.put("sales_data", rowid=1, product_id=1, price=1, quantity=1, timestamp=day(1))
    first = materialize(warehouse)
    with monkeypatch.context() as patch:
        patch.setattr(compiled, "build", lambda *_: pytest.fail("dbt was run"))
        second = materialize(warehouse)
        part = materialize(warehouse, "dim_date", "fact_sales")
    assert second.success
    assert counted(second, "fact_sales") == [1, 0, 0, 0]
    assert set(figures(second)) == set(figures(first))
    assert verdicts(second) == verdicts(first)
    assert set(figures(part)) == {"dim_date", "fact_sales"}

    warehouse.execute("UPDATE star.fact_sales SET amount = 0")
    assert not materialize(warehouse).success


def test_what_decides_what_is_compiled_brings_dbt_back(
    warehouse: Staging, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = []
    build = compiled.build
    monkeypatch.setattr(compiled, "build", lambda *given: (runs.append(given), build(*given))[1])
    dimensions = ("dim_product", "dim_category")
    for change in (
        lambda: None,
        lambda: warehouse.put("toys", _id="t1", product_id=1),
        lambda: monkeypatch.setenv("SOFTCART_TIMEZONE", "Asia/Tokyo"),
        lambda: warehouse.execute("UPDATE sync.identity SET id = gen_random_uuid()"),
        lambda: warehouse.execute("DROP TABLE star.dim_category"),
    ):
        change()
        assert materialize(warehouse, *dimensions).success
        before = len(runs)
        assert materialize(warehouse, *dimensions).success
        assert len(runs) == before
    assert len(runs) == 5


def test_a_failed_blocking_test_stops_what_depends_on_its_model(warehouse: Staging) -> None:
    with warehouse.batch() as batch:
        item = {"_id": "t1", "product_id": 1, "_changed_at": day(0), "_deleted": False}
        batch.append("raw", "toys", item)  # and the change log does not learn of it
    result = materialize(warehouse)
    assert not result.success
    assert {"dim_product", "dim_customer"} <= set(figures(result))
    assert not {"fact_sales", "sales_cube"} & set(figures(result))
    [failed] = [check for check in result.get_asset_check_evaluations() if not check.passed]
    assert (failed.check_name, failed.severity) == ("products_are_current", dg.AssetCheckSeverity.ERROR)
    assert failed.metadata["first_rows"].records[0].data == {
        "member": "1", "live_rows": "1", "current_versions": "0"
    }  # fmt: skip


def test_a_sale_that_the_fact_lost_stops_the_reports(warehouse: Staging) -> None:
    warehouse.put("sales_data", rowid=1, product_id=1, price=1, quantity=1, timestamp=day(1))
    assert materialize(warehouse).success
    warehouse.execute("UPDATE star.fact_sales SET _deleted = true")
    result = materialize(warehouse)
    [failed] = [check for check in result.get_asset_check_evaluations() if not check.passed]
    assert failed.check_name == "no_sale_is_dropped"
    assert set(figures(result)) == OF_STEP - behind("fact_sales") | {"fact_sales"}
    assert '--select star/fact_sales --config-json \'{"ops": {"dbt":' in failed.description
    assert materialize(warehouse, "fact_sales", rebuild=True).success
    assert warehouse.value("SELECT count(*) FROM star.fact_sales WHERE NOT _deleted") == 1


def test_a_model_that_fails_is_named_with_what_the_database_said(warehouse: Staging) -> None:
    warehouse.execute("ALTER TABLE raw.sales_data RENAME COLUMN price TO cost")
    result = materialize(warehouse)
    assert not result.success
    assert "fact_sales: Database Error" in reason(result)
    assert "column sale.price does not exist" in reason(result)
    assert "skipped for it: " in reason(result)
    assert set(figures(result)) == OF_STEP - behind("fact_sales")


def test_a_table_that_is_not_there_yet_is_named_with_what_to_run(warehouse: Staging) -> None:
    warehouse.execute("DROP TABLE history.customers")
    result = materialize(warehouse, "dim_customer")
    assert "dim_customer reads history.customers" in reason(result)
    assert "materialize raw/customers" in reason(result)


def test_a_part_can_run_alone(warehouse: Staging) -> None:
    result = materialize(warehouse, "dim_date")
    assert result.success
    assert set(figures(result)) == {"dim_date"}
    assert {check.asset_key.path[-1] for check in result.get_asset_check_evaluations()} == {"dim_date"}


@pytest.fixture
def copied_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The dbt project as a copy that a test may change."""
    root = tmp_path / "sql"
    shutil.copytree(project.ROOT, root, ignore=shutil.ignore_patterns("target"))
    monkeypatch.setattr(project, "ROOT", root)
    monkeypatch.setattr(runner, "ROOT", root)
    return root


def edit(path: Path, before: str, after: str) -> None:
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))


def test_a_changed_model_is_rebuilt_in_place(warehouse: Staging, copied_project: Path) -> None:
    warehouse.put("dim_country", countryid=1, country="Spain")
    warehouse.put("dim_country", countryid=2, country="Peru")
    warehouse.put("fact_sales", orderid=1, countryid=1, amount=5)
    warehouse.build(*STAR)
    warehouse.remove("dim_country", 2, day(1))
    warehouse.build(*STAR)
    table = "SELECT 'star.dim_country'::regclass::oid"
    before = warehouse.value(table)

    models = copied_project / "models" / "star"
    letter = "      - {name: letter, data_type: text, description: First, constraints: [{type: not_null}]}\n"
    number = "      - {name: country_id, data_type: integer,"
    edit(models / "star.yml", "      - {name: country_id, data_type: bigint,", letter + number)
    edit(models / "dim_country.sql", "with names", "select *, left(country, 1) as letter from (with names")
    edit(models / "dim_country.sql", "'countryid') }}", "'countryid') }}) as countries")
    written = warehouse.build(*STAR)
    assert warehouse.value(table) == before
    assert written["dim_country"] == {"inserted": 0, "updated": 2, "deleted": 0}
    rows = warehouse.rows("SELECT country, letter, _deleted FROM star.dim_country ORDER BY country")
    assert [tuple(row.values()) for row in rows] == [
        ("Peru", None, True), ("Spain", "S", False), ("Unknown", "U", False)
    ]  # fmt: skip
    types = warehouse.rows(
        "SELECT column_name, data_type, col_description('star.dim_country'::regclass, ordinal_position::int)"
        " AS description FROM information_schema.columns"
        " WHERE table_name = 'dim_country' AND column_name IN ('letter', 'country_id') ORDER BY 1"
    )
    assert [tuple(row.values())[:2] for row in types] == [("country_id", "integer"), ("letter", "text")]
    assert types[1]["description"] == "First"
