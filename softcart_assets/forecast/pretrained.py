"""The model that is landed: taken in as data, registered, and used by Spark once."""

import datetime as dt
import time
from collections.abc import Sequence
from typing import Any

import dagster as dg

from forecast.archive import unpacked
from forecast.errors import ModelRefused
from forecast.pretrained import ARCHIVE, YEAR_PREDICTED, Pretrained, digest, inspect, landed, predict
from forecast.registry import PRETRAINED as NAME
from forecast.registry import Registry
from forecast.store import Store
from softcart_assets.forecast.common import PRETRAINED, SALES_2023, asset_spec, opened

MODEL, PREDICTION = "pretrained", "sales_2023"
"""Subjects of the store."""
NOTHING = f"no {ARCHIVE} has been landed"


def build_pretrained_assets() -> Sequence[dg.AssetsDefinition]:
    """The landed model, and what it predicts."""
    return [_register(), _predict()]


def _register() -> dg.AssetsDefinition:
    spec = asset_spec(
        PRETRAINED,
        [],
        f"The regression that is landed as {ARCHIVE}: unpacked safely, inspected and registered.",
        {"mlflow", "spark"},
    )

    @dg.multi_asset(name="register_pretrained", specs=[spec], required_resource_keys={"landing", "staging"})
    def register_pretrained(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
        began = time.monotonic()
        with opened(context) as store:
            archive = landed(context.resources.landing.files())
            known = store.read(MODEL)
            if archive and (sha256 := digest(archive)) != known.get("sha256"):
                with unpacked(archive) as folder:
                    model = inspect(folder)
                    version = Registry.from_environment().register(
                        NAME,
                        folder,
                        parameters={"intercept": model.intercept, "coefficient": model.coefficient},
                        metrics={},
                        tags={"file": ARCHIVE, "sha256": sha256, "dagster_run": context.run.run_id},
                    )
                Registry.from_environment().promote(NAME, version.number)
                known = {"sha256": sha256, "version": version.number, **vars(model)}
                store.write(MODEL, known)
        note = None if archive else f"{NOTHING}{'; what was landed before stands' if known else ''}"
        return dg.MaterializeResult(
            asset_key=PRETRAINED,
            metadata={
                **_provenance(known),
                "dagster/row_count": 1 if known else 0,
                **({"note": note} if note else {}),
                "seconds": round(time.monotonic() - began, 3),
            },
        )

    return register_pretrained


def _predict() -> dg.AssetsDefinition:
    spec = asset_spec(
        SALES_2023,
        [PRETRAINED],
        f"What the landed model predicts for {YEAR_PREDICTED}, in its own unit, by Spark ML.",
        {"spark"},
    )

    @dg.multi_asset(name="predict_2023", specs=[spec], required_resource_keys={"staging", "spark"})
    def predict_2023(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
        began = time.monotonic()
        with opened(context) as store:
            model, known = store.read(MODEL), store.read(PREDICTION)
            if model and known.get("sha256") != model["sha256"]:
                known = {"sha256": model["sha256"], "prediction": _by_spark(context, model)}
                store.write(PREDICTION, known)
        if not model:
            return dg.MaterializeResult(
                asset_key=SALES_2023, metadata={"dagster/row_count": 0, "note": NOTHING, "seconds": 0.0}
            )
        return dg.MaterializeResult(
            asset_key=SALES_2023,
            metadata={
                "dagster/row_count": 1,
                "prediction": float(known["prediction"]),
                "inputs": {model["features"]: [YEAR_PREDICTED]},
                **_provenance(model),
                "seconds": round(time.monotonic() - began, 3),
            },
        )

    return predict_2023


def _by_spark(context: dg.AssetExecutionContext, model: dict[str, Any]) -> str:
    """The prediction to its last digit, by the model as the registry has it."""
    with Registry.from_environment().folder(NAME, model["version"]) as folder:
        inspected = inspect(folder)
        said = predict(context.resources.spark.session, folder, inspected)
    plain = inspected.intercept + inspected.coefficient * YEAR_PREDICTED
    if abs(said - plain) > 1e-6 * max(1.0, abs(plain)):
        raise ModelRefused(f"Spark predicts {said!r} where the model's coefficients say {plain!r}")
    return repr(said)


def prediction(store: Store) -> str | None:
    """What the landed model predicted, as text to its last digit; None where none was landed."""
    return store.read(PREDICTION).get("prediction")


def _provenance(known: dict[str, Any]) -> dict[str, Any]:
    if not known:
        return {}
    model = Pretrained(**{name: known[name] for name in Pretrained.__dataclass_fields__})
    return {
        "coefficients": {"intercept": model.intercept, "year": model.coefficient},
        "registered": f"{NAME} version {known['version']}",
        "sha256": known["sha256"],
        "uid": model.uid,
        "trained_by": f"Spark {model.spark_version}",
        "trained_at": dt.datetime.fromtimestamp(model.trained_at_ms / 1000, dt.UTC).isoformat(),
    }
