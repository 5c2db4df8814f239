"""What the documents show in full runs as it stands there."""

from __future__ import annotations

import csv
import os
import re
import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from sync.connections.postgresql import connect_postgresql
from tests.integration.cli.command import Shop, execute
from tests.integration.star.staging import Staging, day
from tests.integration.sync_support import query
from tests.test_packaging import folders

ROOT = Path(__file__).parents[2]
ADDED = """
import sys
import dagster as dg
from softcart_assets.build import build_defs

definitions = build_defs()
graph = definitions.resolve_asset_graph()
star = [key for key in graph.get_all_asset_keys() if key.path[0] == "star"]
names = ["raw/suppliers", "reports/sales_by_weekday", "exports/sales_by_weekday"]
added = [dg.AssetKey(name.split("/")) for name in names]
assert graph.has(dg.AssetKey(["production", "sales_by_weekday"]))
job = definitions.resolve_job_def("sync")
result = job.execute_in_process(asset_selection=[*star, *added], raise_on_error=False)
for check in result.get_asset_check_evaluations():
    print(check.asset_key.to_user_string(), check.check_name, check.passed)
sys.exit(not result.success)
"""


def document(name: str) -> str:
    return (ROOT / "docs" / name).read_text()


def test_the_example_of_the_library_copies_its_table(
    platform: dict[str, str], shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    execute(shop, "CREATE TABLE suppliers (supplier_id INT PRIMARY KEY)", "INSERT INTO suppliers VALUES (7)")
    (example,) = re.findall(r"```python\n(import os\n.+?)```", document("sync-engine.md"), re.DOTALL)
    exec(example, {})
    assert "inserted=1" in capsys.readouterr().out
    arrived = query(platform["SOFTCART_STAGING_URL"], "SELECT supplier_id FROM mine.suppliers")
    assert arrived == [(7,)]


@pytest.fixture
def extended(tmp_path: Path) -> Path:
    """A copy of the project, with everything that `docs/extending.md` adds."""
    for name in ("definitions.py", *folders()):
        source = ROOT / name
        if source.is_file():
            shutil.copy(source, tmp_path)
        else:
            left_out = shutil.ignore_patterns("__pycache__", "target", "logs")
            shutil.copytree(source, tmp_path / name, ignore=left_out)
    text = document("extending.md")
    files = re.findall(r"^`(sql/[\w/.]+)`:\n\n```\w+\n(.+?)```", text, re.DOTALL | re.MULTILINE)
    assert len(files) == 1
    for name, content in files:
        (tmp_path / name).write_text(content)
    (entry,) = re.findall(r"```python\n(Table\(.+?\))\n```", text, re.DOTALL)
    tables = tmp_path / "softcart_assets" / "tables.py"
    declared = tables.read_text()
    assert "\nSHOP = (\n" in declared
    tables.write_text(declared.replace("\nSHOP = (\n", f"\nSHOP = (\n    {entry},\n"))
    (attribute,) = re.findall(r"```diff\n(.+?)```", text, re.DOTALL)
    subprocess.run(["git", "apply", "-"], cwd=tmp_path, input=attribute, text=True, check=True)
    return tmp_path


def test_a_table_a_report_and_an_attribute_are_added_as_shown(
    platform: dict[str, str], shop: Shop, extended: Path
) -> None:
    execute(shop, "CREATE TABLE suppliers (supplier_id INT PRIMARY KEY)", "INSERT INTO suppliers VALUES (7)")
    url = platform["SOFTCART_STAGING_URL"]
    with closing(connect_postgresql(url)) as connection:
        staging = Staging(url, connection)
        staging.clear()
        for schema in ("raw", "history"):
            staging.execute(f"ALTER TABLE {schema}.customers ADD COLUMN phone text")
        staging.put("customers", day(0), customer_id=1, country="Spain", phone="111")
        staging.put("customers", day(9), customer_id=1, country="Spain", phone="222")
        for rowid, sold in enumerate(("2020-01-05", "2020-01-12", "2020-01-06"), 1):  # two Sundays, a Monday
            row = {"customer_id": 1, "price": 5, "quantity": 2, "timestamp": f"{sold} 12:00"}
            staging.put("sales_data", rowid=rowid, **row)
    done = subprocess.run(
        [sys.executable, "-c", ADDED],
        cwd=extended,
        env={**os.environ, "SOFTCART_EXPORTS": str(extended / "exports")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "reports/sales_by_weekday" not in done.stdout  # its tests are up to whoever adds it
    assert "star/fact_sales constraints_are_enforced True" in done.stdout
    assert query(url, "SELECT supplier_id FROM raw.suppliers") == [(7,)]
    versions = "SELECT phone, is_current FROM star.dim_customer WHERE customer_id = 1 ORDER BY valid_from"
    assert query(url, versions) == [("111", False), ("222", True)]
    with (extended / "exports" / "reports" / "sales_by_weekday.csv").open() as file:
        assert list(csv.reader(file)) == [
            ["weekday", "weekday_name", "total_sales", "sales"],
            ["1", "Sunday", "20.00", "2"],
            ["2", "Monday", "10.00", "1"],
        ]
