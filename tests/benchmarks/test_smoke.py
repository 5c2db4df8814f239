"""The benchmarks run, small and without other tools: what they say is true and complete."""

from __future__ import annotations

import gzip
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks import forecast
from benchmarks.measure import ContenderFailed, run
from benchmarks.report import circumstances, document
from benchmarks.runner import Runner
from benchmarks.servers import Servers
from benchmarks.workloads.base import OURS, Sizes
from benchmarks.workloads.delta import Replay
from benchmarks.workloads.document_log import DocumentLog
from benchmarks.workloads.first_load import FirstLoad
from benchmarks.workloads.order_lines import RAW_PIPE
from stack.cluster import Cluster

ROWS = 2000
DOCUMENTS = 1000


@pytest.fixture
def runner(stack: Cluster, shop: Any, tmp_path: Path) -> Runner:
    return Runner(Servers(stack), Sizes(ROWS, 0), 1, (), tmp_path, lambda line: None)


def test_a_first_load_brings_every_row_through_the_pipe_and_through_the_engine(runner: Runner) -> None:
    outcome = runner.measure(FirstLoad)
    assert outcome.failures == {}
    assert {name: found.written for name, found in outcome.summaries.items()} == {RAW_PIPE: ROWS, OURS: ROWS}
    assert outcome.summaries[OURS].cpu > 0
    report = document([outcome], None, circumstances(1, {"MariaDB": "10.11"}))
    assert f"| {RAW_PIPE} |" in report and f"| {OURS} |" in report
    assert "python -m sync copy" not in report  # the interpreter's path is a variable
    assert '"$PYTHON" -m sync copy' in report


def test_a_replay_writes_no_row(runner: Runner) -> None:
    outcome = runner.measure(Replay)
    assert outcome.failures == {}
    assert outcome.summaries[OURS].written == 0


def test_the_changes_of_a_collection_arrive_in_every_round(
    stack: Cluster, catalog: Any, tmp_path: Path
) -> None:
    runner = Runner(Servers(stack), Sizes(0, DOCUMENTS), 2, (), tmp_path, lambda line: None)
    outcome = runner.measure(DocumentLog)
    assert outcome.failures == {}
    assert outcome.title.startswith("500 events")
    assert outcome.summaries[OURS].runs == 2
    (goal,) = outcome.goals
    assert goal.value(outcome.summaries)


def test_hard_changes_arrive_and_hard_values_are_exact_or_quarantined(runner: Runner) -> None:
    scenes = runner.scenarios()
    assert scenes.tools == [OURS]
    found = dict(scenes.rows)
    assert found["a row committed after a newer one was read"] == "arrives"
    assert found["a deleted row"] == "stays, goes with --reconcile"
    assert found["BIT(8) 10000001"] == "exact"
    assert found["date 0000-00-00"] == "quarantined, its neighbour loads"


def test_a_command_that_fails_in_a_pipe_is_no_measurement(tmp_path: Path) -> None:
    with pytest.raises(ContenderFailed, match="no such thing"):
        run("(echo no such thing; exit 3) | cat", {}, tmp_path)


def test_memory_is_that_of_all_processes_of_a_command(tmp_path: Path) -> None:
    hold = f'"{sys.executable}" -c "import time; held = bytearray(60 << 20); time.sleep(1)"'
    figures = run(f"{hold} & {hold} & wait", {}, tmp_path)
    assert figures.peak > 60 << 20
    assert figures.peak_sum > 120 << 20


def test_the_forecasts_of_few_series_are_measured_beside_statsforecast_and_what_was_published(
    tmp_path: Path,
) -> None:
    values = [(name, month, 100 + month + 30 * (month % 12)) for name in ("N1", "N2") for month in range(96)]
    with gzip.open(tmp_path / "monthly.csv.gz", "wt") as file:
        file.write("series,period,part,value\n")
        file.writelines(
            f"{name},{month},{'train' if month < 78 else 'test'},{v}\n" for name, month, v in values
        )
    with gzip.open(tmp_path / "published.csv.gz", "wt") as file:
        file.write("series,period,theta,forecastpro\n")
        file.writelines(f"{name},{month},{v},{v + 12}\n" for name, month, v in values if month >= 78)
    contenders, count = forecast.measure(tmp_path, 1)
    assert count == 2
    ours, bare, theta, forecast_pro, naive = contenders
    assert ours.mase < naive.mase == pytest.approx(1.0 + 6 / 18)
    assert (theta.mase, forecast_pro.mase) == (0, pytest.approx(1))
    assert ours.seconds and bare.seconds and ours.peak and bare.peak
    assert f"| {theta.name} | 0.0000 |" in forecast.document(contenders, count)
    assert len(forecast.load(tmp_path, 2)) == 1
