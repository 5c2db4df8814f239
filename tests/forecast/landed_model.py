"""A linear regression as Spark saves one, made without Spark."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from forecast.pretrained import ARCHIVE, CLASS

VECTOR = pa.struct(
    [
        pa.field("type", pa.int8(), nullable=False),
        pa.field("size", pa.int32()),
        pa.field("indices", pa.list_(pa.int32())),
        pa.field("values", pa.list_(pa.float64())),
    ]
)
FIELDS = {
    name: {"name": name, "type": "double", "nullable": False, "metadata": {}}
    for name in ("intercept", "scale")
}
UDT = {
    "type": "udt",
    "class": "org.apache.spark.ml.linalg.VectorUDT",
    "pyClass": "pyspark.ml.linalg.VectorUDT",
    "sqlType": {
        "type": "struct",
        "fields": [
            {"name": "type", "type": "byte", "nullable": False, "metadata": {}},
            {"name": "size", "type": "integer", "nullable": True, "metadata": {}},
            *(
                {
                    "name": name,
                    "type": {"type": "array", "elementType": kind, "containsNull": False},
                    "nullable": True,
                    "metadata": {},
                }
                for name, kind in (("indices", "integer"), ("values", "double"))
            ),
        ],
    },
}
COEFFICIENTS = {"name": "coefficients", "type": UDT, "nullable": True, "metadata": {}}
# By this Spark knows the column for a vector.
ROW = json.dumps({"type": "struct", "fields": [FIELDS["intercept"], COEFFICIENTS, FIELDS["scale"]]})
SCHEMA = pa.schema(
    [
        pa.field("intercept", pa.float64(), nullable=False),
        pa.field("coefficients", VECTOR),
        pa.field("scale", pa.float64(), nullable=False),
    ],
    metadata={"org.apache.spark.sql.parquet.row.metadata": ROW},
)


def save_model(
    place: Path,
    intercept: float = -5000.0,
    coefficients: list[float] | None = None,
    kind: str = CLASS,
    metadata: str | None = None,
    sparse: bool = False,
) -> Path:
    """A saved model that predicts `intercept + coefficients · features`; by default 57.5 for 2023."""
    folder = place / "sales_prediction.model"
    for part in ("metadata", "data"):
        (folder / part).mkdir(parents=True)
        (folder / part / "_SUCCESS").touch()
    said = {
        "class": kind,
        "timestamp": 1700000000000,
        "sparkVersion": "2.4.3",
        "uid": "LinearRegression_0",
        "paramMap": {"labelCol": "sales"},
        "defaultParamMap": {
            **{"featuresCol": "features", "labelCol": "label", "predictionCol": "prediction"},
            **{"loss": "squaredError", "epsilon": 1.35, "maxIter": 100, "tol": 1e-06, "solver": "auto"},
            **{"regParam": 0.0, "elasticNetParam": 0.0, "fitIntercept": True, "standardization": True},
            "aggregationDepth": 2,
        },
    }
    text = json.dumps(said) + "\n" if metadata is None else metadata
    (folder / "metadata" / "part-00000").write_text(text)
    values = coefficients or [2.5]
    vector = (
        {"type": 0, "size": 1, "indices": [0], "values": values}
        if sparse
        else {"type": 1, "size": None, "indices": None, "values": values}
    )
    row = {"intercept": intercept, "coefficients": vector, "scale": 1.0}
    pq.write_table(pa.Table.from_pylist([row], SCHEMA), folder / "data" / "part-00000.snappy.parquet")
    return folder


def model_archive(place: Path, intercept: float = -5000.0) -> Path:
    """The model, landed."""
    inner = place / "unpacked"
    folder = save_model(inner, intercept)
    path = place / ARCHIVE
    with tarfile.open(path, "w:gz") as file:
        file.add(folder, folder.name)
    for saved in sorted(inner.rglob("*"), reverse=True):
        saved.rmdir() if saved.is_dir() else saved.unlink()
    inner.rmdir()
    return path
