"""Training and promotion.

Trained is when nothing was yet, when a run asks for it (the job `retrain`, monthly), and when drift is found
in months that the last training did not know. The champion stays until a better one is promoted.
"""

import time
from collections.abc import Iterator, Sequence
from typing import Any

import dagster as dg
from pydantic import Field

from forecast.errors import HistoryTooShort
from forecast.fingerprint import fingerprint
from forecast.model import Model
from forecast.registry import SALES as NAME
from forecast.registry import Registry
from forecast.regression import Fitted, fit
from forecast.series import History, Panel
from forecast.store import Store
from forecast.training import Trained, train
from softcart_assets.failures import names_findings, repair_command
from softcart_assets.forecast.common import (
    CANDIDATE,
    CHAMPION,
    HISTORY,
    LOOKED,
    POOL,
    PROMOTED,
    TRAINED,
    asset_spec,
    noted,
    opened,
    read_history,
    today,
)

PROMOTION = "promotion"
PROMOTE = "promote"
MODEL_FILE, FALLBACK_FILE = "model.json", "fallback.json"


class TrainConfig(dg.Config):
    """When a run trains."""

    retrain: bool = Field(default=False, description="Train also where nothing asks for it.")


class PromoteConfig(dg.Config):
    """Which model a run lets stand."""

    version: int | None = Field(
        default=None,
        description="The version to go back to; without it the candidate that passed its check is promoted.",
    )


def build_training_assets() -> Sequence[dg.AssetsDefinition]:
    """The candidate with its check, and the model that stands."""
    return [_train(), _promote()]


def _train() -> dg.AssetsDefinition:
    spec = asset_spec(
        CANDIDATE,
        [HISTORY],
        "The model that did best on the history, backtested and registered.",
        {"mlflow", "spark", "python"},
    )
    check = dg.AssetCheckSpec(
        PROMOTION,
        asset=CANDIDATE,
        blocking=True,
        description="A new model beats every baseline by more than the paired error, and is no worse than the"
        " one that stands.",
    )

    @dg.multi_asset(
        name="train",
        specs=[spec],
        check_specs=[check],
        required_resource_keys={"staging", "spark"},
        pool=POOL,
    )
    @names_findings
    def train_candidate(
        context: dg.AssetExecutionContext, config: TrainConfig
    ) -> Iterator[dg.MaterializeResult[Any]]:
        began = time.monotonic()
        with opened(context) as store:
            reason, note = _due(store, config)
            if reason:
                context.log.info(f"training, since {reason}")
                _train_on(context, store, read_history(store), reason)
            known = store.read(TRAINED)
            champion = store.read(PROMOTED)
        yield dg.MaterializeResult(
            asset_key=CANDIDATE,
            metadata={
                **known.get("shown", {}),
                "dagster/row_count": 1 if known else 0,
                "trained": bool(reason),
                **noted([text for text in (note, f"trained, since {reason}" if reason else None) if text]),
                "seconds": round(time.monotonic() - began, 3),
            },
            check_results=[_verdict(known, reason, note, is_strict=config.retrain and bool(champion))],
        )

    return train_candidate


def _due(store: Store, config: TrainConfig) -> tuple[str | None, str | None]:
    """Why to train now, None to let things stand; and what a reader should know."""
    mark, known = store.mark(today()), store.read(TRAINED)
    if not config.retrain and store.read(LOOKED) == {"mark": mark, "trained": known.get("version")}:
        return None, None if known else "the history is too short, and nothing has come since"
    try:
        history = read_history(store)
    except HistoryTooShort as error:
        store.write(LOOKED, {"mark": mark, "trained": known.get("version")})
        return None, str(error)
    if config.retrain:
        return "this run asks for it", None
    if not known:
        return "no model was trained before", None
    drift = store.drift(history)
    if drift.is_found and fingerprint(history) != known["history"]:
        return f"drift was found: {drift}", None
    store.write(LOOKED, {"mark": mark, "trained": known.get("version")})
    return None, None


def _train_on(context: dg.AssetExecutionContext, store: Store, history: History, reason: str) -> None:
    def by_spark(panels: Sequence[Panel]) -> list[Fitted]:
        return fit(context.resources.spark.session, panels)

    mark, champion = store.mark(today()), store.read(PROMOTED)
    trained = train(history, champion.get("method"), by_spark)
    model = trained.model
    version = Registry.from_environment().register(
        NAME,
        {MODEL_FILE: model.to_json(), FALLBACK_FILE: trained.fallback.to_json()},
        parameters={
            "method": model.method,
            "trained_from": model.trained_from,
            "trained_through": model.trained_through,
            "windows": trained.windows,
            "best_baseline": trained.verdict.best_baseline,
        },
        metrics=_metrics(trained),
        tags={
            "history_sha256": fingerprint(history),
            "asset": CANDIDATE.to_user_string(),
            "trained_on": HISTORY.to_user_string(),
            "dagster_run": context.run.run_id,
            "reason": reason,
            "verdict": str(trained.verdict)[:5000],
        },
    )
    shown = {
        "registered": f"{NAME} version {version.number}",
        "method": model.method,
        "verdict": str(trained.verdict),
        "trained_from": model.trained_from,
        "trained_through": model.trained_through,
        "coverage_of_80_percent_intervals": round(trained.coverage, 4),
        "pinball": round(trained.pinball, 4),
        "scores": _table(trained),
        "history_sha256": fingerprint(history),
    }
    store.write(
        TRAINED,
        {
            "version": version.number,
            "history": fingerprint(history),
            "is_promoted": trained.verdict.is_promoted,
            "verdict": str(trained.verdict),
            "method": model.method,
            "model": model.to_json(),
            "fallback": trained.fallback.to_json(),
            "shown": shown,
        },
    )
    store.write(LOOKED, {"mark": mark, "trained": version.number})


def _metrics(trained: Trained) -> dict[str, float]:
    metrics = {"coverage_80": trained.coverage, "pinball": trained.pinball}
    for score in trained.scores:
        metrics |= {f"mase_{score.method}": score.judging, f"mase_choosing_{score.method}": score.choosing}
        if score.owa is not None:
            metrics[f"owa_{score.method}"] = score.owa
    return metrics


def _table(trained: Trained) -> str:
    """The scores as Markdown, best first."""
    lines = [
        f"| {score.method} | {score.choosing:.3f} | {score.judging:.3f} |"
        f" {'' if score.owa is None else f'{score.owa:.3f}'} |"
        for score in sorted(trained.scores, key=lambda score: score.judging)
    ]
    return "\n".join(
        ["| method | MASE, choosing | MASE, judging | OWA, judging |", "| --- | --- | --- | --- |", *lines]
    )


def _verdict(
    known: dict[str, Any], reason: str | None, note: str | None, is_strict: bool
) -> dg.AssetCheckResult:
    """The check of this run: a model that was judged before is not judged again.

    Where a run was asked for a better model, a refusal stops it. Elsewhere it is a warning, since the sales
    have their way on to production to go; nothing is promoted all the same.
    """
    description = (
        known.get("verdict") if reason else note or "nothing was trained: what stands goes on standing"
    )
    return dg.AssetCheckResult(
        asset_key=CANDIDATE,
        check_name=PROMOTION,
        passed=not reason or known["is_promoted"],
        severity=dg.AssetCheckSeverity.ERROR if is_strict else dg.AssetCheckSeverity.WARN,
        description=description,
    )


def _promote() -> dg.AssetsDefinition:
    spec = asset_spec(
        CHAMPION,
        [CANDIDATE],
        "The model that forecasts: the last one that was promoted, or the version that a run names.",
        {"mlflow"},
    )

    @dg.multi_asset(name=PROMOTE, specs=[spec], required_resource_keys={"staging"}, pool=POOL)
    def promote(context: dg.AssetExecutionContext, config: PromoteConfig) -> dg.MaterializeResult[Any]:
        began = time.monotonic()
        with opened(context) as store:
            champion = _champion(store, config.version)
        earlier = champion.get("earlier")
        return dg.MaterializeResult(
            asset_key=CHAMPION,
            metadata={
                **(
                    {"registered": f"{NAME} version {champion['version']}", "method": champion["method"]}
                    if champion
                    else {"note": "no model has been promoted yet"}
                ),
                **(
                    {"to_go_back": repair_command(CHAMPION, PROMOTE, {"version": earlier})} if earlier else {}
                ),
                "dagster/row_count": 1 if champion else 0,
                "seconds": round(time.monotonic() - began, 3),
            },
        )

    return promote


def _champion(store: Store, version: int | None) -> dict[str, Any]:
    """Promote what is to be promoted; the model that stands then. A refused candidate is never among them."""
    champion, candidate = store.read(PROMOTED), store.read(TRAINED)
    if version is not None:
        registry = Registry.from_environment()
        model = Model.from_json(registry.read(NAME, version, MODEL_FILE))
        text = model.to_json()
    elif candidate.get("is_promoted") and candidate["version"] != champion.get("considered"):
        version, text, registry = candidate["version"], candidate["model"], Registry.from_environment()
    else:
        return champion
    registry.promote(NAME, version)
    promoted = {
        "version": version,
        "method": Model.from_json(text).method,
        "model": text,
        # A model that was gone back from is not promoted again by the next run.
        "considered": candidate.get("version"),
        "earlier": champion.get("version") if champion.get("version") != version else champion.get("earlier"),
    }
    store.write(PROMOTED, promoted)
    return promoted


def champion_model(store: Store) -> tuple[Model, str] | None:
    """The model to forecast by and what it is to readers: the champion, else the best baseline of the last
    training; None where nothing was trained."""
    if champion := store.read(PROMOTED):
        return Model.from_json(champion["model"]), f"{NAME} version {champion['version']}"
    if trained := store.read(TRAINED):
        return Model.from_json(trained["fallback"]), "the best baseline, since no model has been promoted"
    return None
