"""The forecast's part of `make bench`: the monthly series of the M3 competition (Makridakis and Hibon 2000).

Of each series the last 18 months are held out. Ours is the mean of ETS, Theta and CES with intervals
calibrated on one pooled window of 18 months before; beside it are statsforecast bare, with the models' own
intervals, and what two methods published. The project has no copy of the series: a folder is named that holds
`monthly.csv.gz` (series, period, part, value) and `published.csv.gz` (series, period, theta, forecastpro).
"""

from __future__ import annotations

import csv
import gzip
import multiprocessing
import resource
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.workloads.base import MIB
from forecast.baselines import seasonal_naive
from forecast.intervals import LEVEL, calibrate
from forecast.metrics import coverage, scaled_errors, scales, smape
from forecast.months import YEAR, Floats
from forecast.series import Panel
from forecast.statistical import STATISTICAL, mean_of

HORIZON = 18
EVERY = 14
RESULTS = Path(__file__).with_name("forecast.md")
BARE = ("AutoETS", "DynamicOptimizedTheta", "AutoCES")


@dataclass(frozen=True)
class Series:
    """One series of M3: what was given, what was held out, and the published forecasts of that by method."""

    name: str
    known: Floats
    actual: Floats
    published: dict[str, Floats]

    @property
    def panel(self) -> Panel:
        return Panel(0, (self.name,), self.known[np.newaxis, :], (0,))


@dataclass(frozen=True)
class Contender:
    """How one did, over all series; seconds and bytes where it was run here."""

    name: str
    mase: float
    smape: float
    coverage: float | None = None
    seconds: float | None = None
    peak: int | None = None


@dataclass(frozen=True)
class _Said:
    """Forecasts with the bounds of their intervals, a row a series, and what they took."""

    values: Floats
    lower: Floats
    upper: Floats
    seconds: float
    peak: int


def load(folder: Path, every: int) -> list[Series]:
    """Each `every`-th series, by name."""
    known, held = _columns(folder / "monthly.csv.gz", "part", "value")
    published = {name: _published(folder / "published.csv.gz", name) for name in ("theta", "forecastpro")}
    return [
        Series(
            name,
            np.array(known[name]),
            np.array(held[name]),
            {method: np.array(values[name]) for method, values in published.items()},
        )
        for name in sorted(known)[::every]
    ]


def _columns(path: Path, part: str, value: str) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    known: dict[str, list[float]] = {}
    held: dict[str, list[float]] = {}
    for row in _sorted_rows(path):
        (known if row[part] == "train" else held).setdefault(row["series"], []).append(float(row[value]))
    return known, held


def _published(path: Path, column: str) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for row in _sorted_rows(path):
        found.setdefault(row["series"], []).append(float(row[column]))
    return found


def _sorted_rows(path: Path) -> list[dict[str, str]]:
    with gzip.open(path, "rt", newline="") as file:
        return sorted(csv.DictReader(file), key=lambda row: (row["series"], int(row["period"])))


def measure(folder: Path, every: int) -> tuple[list[Contender], int]:
    """All contenders, and how many series they had."""
    series = load(folder, every)
    ours, bare = (_apart(work, series) for work in (_ours, _bare))
    actual, scale = np.array([each.actual for each in series]), _scale(series)
    naive = np.array([seasonal_naive(each.panel, HORIZON)[0] for each in series])

    def contender(name: str, values: Floats, said: _Said | None = None) -> Contender:
        error = float(scaled_errors(actual, values, scale).mean())
        if said is None:
            return Contender(name, error, smape(actual, values))
        within = coverage(actual, said.lower, said.upper)
        return Contender(name, error, smape(actual, values), within, said.seconds, said.peak)

    return [
        contender("ours: mean of ETS, Theta and CES", ours.values, ours),
        contender("statsforecast bare, the same mean", bare.values, bare),
        contender("THETA, published", np.array([each.published["theta"] for each in series])),
        contender("ForecastPro, published", np.array([each.published["forecastpro"] for each in series])),
        contender("seasonal naive", naive),
    ], len(series)


def goals(ours: Contender) -> dict[str, tuple[float, float]]:
    """What is to be reached: its value, and what it may be at most."""
    assert ours.coverage is not None
    return {
        "MASE of ours, over all series": (ours.mase, 0.84),
        "how far the coverage of ours is from 0.80": (abs(ours.coverage - LEVEL), 0.02),
    }


def _scale(series: Iterable[Series]) -> Floats:
    return np.array([scales(each.panel)[0] for each in series])


def _apart(work: Callable[[Sequence[Series]], tuple[Floats, Floats, Floats]], series: list[Series]) -> _Said:
    """In a process of its own, so that its memory is its own."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_timed, work, series).result()


def _timed(work: Callable[[Sequence[Series]], tuple[Floats, Floats, Floats]], series: list[Series]) -> _Said:
    began = time.monotonic()
    values, lower, upper = work(series)
    seconds = time.monotonic() - began
    return _Said(values, lower, upper, seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)


def _ours(series: Sequence[Series]) -> tuple[Floats, Floats, Floats]:
    before = [Series(each.name, each.known[:-HORIZON], each.known[-HORIZON:], {}) for each in series]
    scores = scaled_errors(
        np.array([each.actual for each in before]),
        np.array([_ensemble(each.panel) for each in before]),
        _scale(before),
    )
    values = np.array([_ensemble(each.panel) for each in series])
    return values, *calibrate([scores], LEVEL).interval(values, _scale(series))


def _ensemble(panel: Panel) -> Floats:
    (values,) = mean_of([method(panel, HORIZON) for method in STATISTICAL.values()])
    return np.asarray(values, dtype=float)


def _bare(series: Sequence[Series]) -> tuple[Floats, Floats, Floats]:
    import pandas as pd
    from statsforecast import StatsForecast, models

    frame = pd.DataFrame(
        [(each.name, month, value) for each in series for month, value in enumerate(each.known)],
        columns=["unique_id", "ds", "y"],
    )
    fitted = [getattr(models, name)(season_length=YEAR) for name in BARE]
    level = round(LEVEL * 100)
    said = StatsForecast(models=fitted, freq=1).forecast(df=frame, h=HORIZON, level=[level])
    parts = (
        np.mean([said[f"{model.alias}{end}"].to_numpy().reshape(-1, HORIZON) for model in fitted], axis=0)
        for end in ("", f"-lo-{level}", f"-hi-{level}")
    )
    values, lower, upper = parts
    return values, lower, upper


def document(contenders: Sequence[Contender], count: int) -> str:
    """What was measured, as Markdown; times and memory as ratios to statsforecast bare besides."""
    bare = contenders[1]
    lines = [
        "# Forecasts of M3's monthly series",
        "",
        f'`make bench BENCH="--only forecast --m3 FOLDER"` (with `--all-series` all 1,428): {count:,} series,'
        f" horizon {HORIZON} months. Ours forecasts each series twice, for its intervals are calibrated on"
        " the window before.",
        "",
        "| | MASE | sMAPE | 80% intervals hold | seconds | MiB | time, ratio | memory, ratio |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
        *(_line(each, bare) for each in contenders),
        "",
        "| goal | is | at most |",
        "| --- | ---: | ---: |",
        *(f"| {what} | {value:.3f} | {most} |" for what, (value, most) in goals(contenders[0]).items()),
        "",
    ]
    return "\n".join(lines)


def _line(each: Contender, bare: Contender) -> str:
    cells = [each.name, f"{each.mase:.4f}", f"{each.smape:.2f}"]
    cells.append("" if each.coverage is None else f"{each.coverage:.3f}")
    if each.seconds is None or each.peak is None or bare.seconds is None or bare.peak is None:
        cells += [""] * 4
    else:
        cells += [f"{each.seconds:.0f}", f"{each.peak / MIB:.0f}"]
        cells += [f"{each.seconds / bare.seconds:.2f}", f"{each.peak / bare.peak:.2f}"]
    return f"| {' | '.join(cells)} |"
