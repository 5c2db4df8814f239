"""Linear regression by Spark ML on trend, season and lags, for all series in one fit.

Each series has coefficients of its own: its features stand in a block of their own among zeros, so that Spark
fits them all in one job, for which a fresh JVM takes seconds. What was fitted predicts without Spark, month
after month, a month's forecast being the next one's lag.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from forecast.features import LAGS, Transform, design, features, waves_for
from forecast.months import YEAR, Floats
from forecast.series import MIN_CATEGORY_MONTHS, Panel

if TYPE_CHECKING:
    from pyspark.ml.regression import LinearRegressionModel
    from pyspark.sql import SparkSession

RIDGE = 0.02
"""How much coefficients are drawn towards zero, in Spark's measure for one series."""
BLOCKS_A_FIT = 100
"""Spark's normal solver takes 4,096 features at once."""
MAX_GROWTH = 3.0
"""A forecast beyond this multiple of the largest value is none: the recursion has run away."""


@dataclass(frozen=True)
class Coefficients:
    """What was fitted of one series: of features that were centred and scaled by `means` and `deviations`."""

    weights: tuple[float, ...]
    intercept: float
    means: tuple[float, ...]
    deviations: tuple[float, ...]

    @property
    def waves(self) -> int:
        return (len(self.weights) - 1 - len(LAGS)) // 2


Fitted = Mapping[str, Coefficients]
"""What was fitted of a panel, by the names of its series."""

Fit = Callable[[Sequence[Panel]], Sequence[Fitted]]
"""Fits several panels at once, such as one history as it was known at different times."""


def predict(coefficients: Fitted, panel: Panel, horizon: int) -> Floats:
    """Forecasts from fitted coefficients, by the names of the series; NaN where there are none."""
    return np.array(
        [
            _recursive(coefficients[name], row, panel.end - len(row), horizon)
            if name in coefficients and len(row) > YEAR
            else np.full(horizon, np.nan)
            for name, row in zip(panel.names, panel.rows(), strict=True)
        ]
    )


def _recursive(fitted: Coefficients, row: Floats, first: int, horizon: int) -> Floats:
    transform = Transform.of(row)
    values = transform.there(row)
    for _ in range(horizon):
        seen = (features(values, first, fitted.waves) - fitted.means) / fitted.deviations
        values = np.append(values, fitted.intercept + float(seen @ np.array(fitted.weights)))
    with np.errstate(over="ignore"):  # what runs away is none
        said = transform.back(values[len(row) :])
    limit = MAX_GROWTH * float(np.abs(row).max())
    return said if (np.isfinite(said) & (np.abs(said) <= limit)).all() else np.full(horizon, np.nan)


def fit(session: SparkSession, panels: Sequence[Panel]) -> list[Fitted]:
    """Fit every series of at least two years in each panel; the others have no coefficients.

    The same rows give the same figures: they are one partition, in one order.
    """
    blocks = {
        (number, name): _Block.of(row, panel.end - len(row))
        for number, panel in enumerate(panels)
        for name, row in zip(panel.names, panel.rows(), strict=True)
        if len(row) >= MIN_CATEGORY_MONTHS
    }
    found: list[dict[str, Coefficients]] = [{} for _ in panels]
    keys = list(blocks)
    for at in range(0, len(keys), BLOCKS_A_FIT):
        chosen = keys[at : at + BLOCKS_A_FIT]
        for (number, name), fitted in zip(
            chosen, _fit(session, [blocks[key] for key in chosen]), strict=True
        ):
            found[number][name] = fitted
    return list(found)


def _fit(session: SparkSession, blocks: Sequence[_Block]) -> Iterator[Coefficients]:
    weights = np.asarray(_model(session, blocks).coefficients.toArray(), dtype=float)
    at = 0
    for block in blocks:
        width = block.features.shape[1]
        yield block.coefficients(weights[at : at + width])
        at += width


@dataclass(frozen=True)
class _Block:
    """The features and targets of one series, centred and scaled: Spark weighs its penalty by the targets'
    spread."""

    features: Floats
    targets: Floats
    means: Floats
    deviations: Floats
    level: float
    spread: float

    @classmethod
    def of(cls, row: Floats, first: int) -> _Block:
        seen, targets = design(Transform.of(row).there(row), first, waves_for(len(row)))
        means, deviations = seen.mean(axis=0), seen.std(axis=0)
        deviations = np.where(deviations > 0, deviations, 1.0)
        level, spread = float(targets.mean()), float(targets.std()) or 1.0
        return cls((seen - means) / deviations, (targets - level) / spread, means, deviations, level, spread)

    def coefficients(self, weights: Floats) -> Coefficients:
        return Coefficients(
            tuple((weights * self.spread).tolist()),
            self.level,
            tuple(self.means.tolist()),
            tuple(self.deviations.tolist()),
        )


def _model(session: SparkSession, blocks: Sequence[_Block]) -> LinearRegressionModel:
    from pyspark.ml.linalg import Vectors, VectorUDT
    from pyspark.ml.regression import LinearRegression
    from pyspark.sql.types import DoubleType, StructField, StructType

    size = sum(block.features.shape[1] for block in blocks)
    rows, at = [], 0
    for block in blocks:
        places = list(range(at, at + block.features.shape[1]))
        at += block.features.shape[1]
        for seen, target in zip(block.features.tolist(), block.targets.tolist(), strict=True):
            rows.append((Vectors.sparse(size, places, seen), target))
    schema = StructType([StructField("features", VectorUDT()), StructField("label", DoubleType())])
    frame = session.createDataFrame(rows, schema).coalesce(1)
    # Spark divides the squared errors by all rows; the penalty has to be shared out likewise.
    regression = LinearRegression(
        solver="normal", fitIntercept=False, standardization=False, regParam=RIDGE / len(blocks)
    )
    fitted: LinearRegressionModel = regression.fit(frame)
    return fitted
