"""The model that somebody trained elsewhere: a linear regression of Spark ML on the year."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from forecast.archive import PICKLES
from forecast.errors import ModelRefused

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ARCHIVE = "sales_prediction.model.tar.gz"
CLASS = "org.apache.spark.ml.regression.LinearRegressionModel"
YEAR_PREDICTED = 2023
SPARSE, DENSE = 0, 1
"""How Spark's vectors say in their first field what they are."""


@dataclass(frozen=True)
class Pretrained:
    """What a landed model says of itself: `sales = intercept + coefficient * year`, in its own unit."""

    intercept: float
    coefficient: float
    features: str
    label: str
    spark_version: str
    uid: str
    trained_at_ms: int


def landed(folder: Path | None) -> Path | None:
    """The archive in a landing folder, None where none is landed.

    Raises `ModelRefused` where a pickle is there in its place.
    """
    if folder is None or not folder.is_dir():
        return None
    if (archive := folder / ARCHIVE).is_file():
        return archive
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in PICKLES:
            raise ModelRefused(
                f"{path.name} is a pickle, and to read one is to run it: save the model by Spark and land it"
                f" as {ARCHIVE}"
            )
    return None


def digest(archive: Path) -> str:
    """The file's SHA-256."""
    return hashlib.sha256(archive.read_bytes()).hexdigest()


def inspect(folder: Path) -> Pretrained:
    """Read a saved model as data, without Spark.

    Raises `ModelRefused` for what is not a linear regression of one feature with finite coefficients.
    """
    try:
        metadata: dict[str, Any] = json.loads(
            _part(folder / "metadata", "part-*").read_text().splitlines()[0]
        )
    except (ValueError, IndexError) as error:
        raise ModelRefused(f"{folder.name}/metadata is no model's: {error}") from error
    if (found := metadata.get("class")) != CLASS:
        raise ModelRefused(f"{folder.name} is a {found}, not a {CLASS}")
    intercept, coefficients = _parameters(_part(folder / "data", "part-*.parquet"))
    if len(coefficients) != 1:
        raise ModelRefused(
            f"{folder.name} has {len(coefficients)} coefficients; it should have the year's alone"
        )
    if not all(map(math.isfinite, (intercept, *coefficients))):
        raise ModelRefused(f"{folder.name} has an infinite coefficient or none")
    named = {**metadata.get("defaultParamMap", {}), **metadata.get("paramMap", {})}
    return Pretrained(
        intercept,
        coefficients[0],
        features=str(named.get("featuresCol", "features")),
        label=str(named.get("labelCol", "label")),
        spark_version=str(metadata.get("sparkVersion", "unknown")),
        uid=str(metadata.get("uid", "unknown")),
        trained_at_ms=int(metadata.get("timestamp", 0)),
    )


def _part(folder: Path, pattern: str) -> Path:
    found = sorted(folder.glob(pattern)) if folder.is_dir() else []
    if len(found) != 1:
        raise ModelRefused(f"{folder.parent.name}/{folder.name} has {len(found)} parts; a model has one")
    return found[0]


def _parameters(part: Path) -> tuple[float, list[float]]:
    """Intercept and coefficients of the model's only row."""
    import pyarrow  # noqa: PLC0415
    import pyarrow.parquet  # noqa: PLC0415

    try:
        rows = pyarrow.parquet.read_table(part, columns=["intercept", "coefficients"]).to_pylist()
        (row,) = rows
        vector = row["coefficients"]
        values = [float(value) for value in vector["values"]]
        if vector["type"] == SPARSE:
            dense = [0.0] * min(int(vector["size"]), len(values) + 1)
            for index, value in zip(vector["indices"], values, strict=True):
                dense[index] = value
            values = dense
        return float(row["intercept"]), values
    except (pyarrow.ArrowException, KeyError, TypeError, ValueError, IndexError, OSError) as error:
        raise ModelRefused(f"{part.name} holds no coefficients: {' '.join(str(error).split())}") from error


def predict(session: SparkSession, folder: Path, model: Pretrained, year: int = YEAR_PREDICTED) -> float:
    """The model's prediction for a year, by Spark. Raises `ModelRefused` where Spark does not take the
    model."""
    from pyspark.errors import PySparkException
    from pyspark.ml.linalg import Vectors
    from pyspark.ml.regression import LinearRegressionModel

    frame = session.createDataFrame([(Vectors.dense([float(year)]),)], [model.features])
    try:
        loaded = LinearRegressionModel.load(folder.resolve().as_uri())
        (row,) = loaded.transform(frame).select(loaded.getPredictionCol()).collect()
    except PySparkException as error:
        said = " ".join(str(error).split())[:300]
        raise ModelRefused(f"Spark cannot predict by the landed model: {said}") from error
    return float(row[0])
