"""The web log's assets through the dagster CLI."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from softcart_assets.build import build_defs
from softcart_assets.weblog.common import REQUESTS
from tests.weblog.lines import line

ROOT = Path(__file__).parents[3]
NAMES = ("extracted", "transformed", "archive", "requests", "hours", "pages", "referers")
SHOWN = [dg.AssetKey(["weblog", name]) for name in NAMES] + [dg.AssetKey(["exports", "weblog_html"])]


@pytest.fixture
def log(platform: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A log of five days, in a landing folder of its own."""
    home = tmp_path / "dagster"
    home.mkdir()
    (home / "dagster.yaml").symlink_to(ROOT / "deploy" / "dagster.yaml")
    landing = tmp_path / "landing"
    landing.mkdir()
    for name, path in {"DAGSTER_HOME": home, "SOFTCART_LANDING": landing}.items():
        monkeypatch.setenv(name, str(path))
    monkeypatch.setenv("SOFTCART_EXPORTS", str(tmp_path / "exports"))
    monkeypatch.setenv("SOFTCART_HOME", str(tmp_path / "home"))
    path = landing / "accesslog.txt"
    path.write_text("".join(line(time=f"{day}/May/2015:10:00:00 +0000") for day in range(17, 22)))
    return path


def read_log(instance: dg.DagsterInstance) -> None:
    """As the job `weblog` does, without what follows from its assets."""
    definitions = build_defs()
    done = dg.materialize(
        [each for each in definitions.assets or [] if isinstance(each, dg.AssetsDefinition)],
        selection=dg.AssetSelection.assets(*SHOWN),
        resources=definitions.resources,
        instance=instance,
    )
    assert done.success


def parse_again(days: str) -> None:
    dagster = Path(sys.executable).with_name("dagster")
    selected = ["--select", "weblog/requests", "--partition-range", days]
    done = subprocess.run(
        [dagster, "asset", "materialize", "-f", ROOT / "definitions.py", *selected],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]


def newest(instance: dg.DagsterInstance, key: dg.AssetKey) -> dg.AssetMaterialization:
    event = instance.get_latest_materialization_event(key)
    assert event is not None
    assert event.asset_materialization is not None
    return event.asset_materialization


def test_a_range_of_days_is_parsed_anew_in_one_run_and_each_asset_shows_its_first_rows(
    log: Path, tmp_path: Path
) -> None:
    with dg.DagsterInstance.get() as instance:
        read_log(instance)
        parquet = {path.parent.name: path for path in (tmp_path / "weblog").rglob("day=*/*.parquet")}
        assert sorted(parquet) == [f"day=2015-05-{day}" for day in range(17, 22)]
        for key in SHOWN:
            shown = newest(instance, key).metadata
            assert "first_rows" in shown, key
            assert "chart" in shown or key.path[-1] in ("archive", "referers"), key
        before = {day: path.read_bytes() for day, path in parquet.items()}
        for day in ("day=2015-05-18", "day=2015-05-19", "day=2015-05-21"):
            parquet[day].write_bytes(b"spoilt")
        runs = instance.get_runs_count()
        parse_again("2015-05-18...2015-05-20")
        assert instance.get_runs_count() == runs + 1
        again = newest(instance, REQUESTS)
    assert again.metadata["days"].value == ["2015-05-18", "2015-05-19", "2015-05-20"]
    now = {day: path.read_bytes() for day, path in parquet.items()}
    assert now.pop("day=2015-05-21") == b"spoilt"
    before.pop("day=2015-05-21")
    assert now == before
