"""The sales to come: forecast by the model that stands, kept in staging, and reported."""

import hashlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import dagster as dg

from forecast.drift import SIGNIFICANCE
from forecast.errors import HistoryTooShort
from forecast.fingerprint import fingerprint
from forecast.intervals import LEVEL
from forecast.months import month_number, period
from forecast.series import TOTAL
from forecast.store import Store
from forecast.tables import SALES_FORECAST
from lake.results import ResultSource
from softcart_assets.forecast.chart import draw
from softcart_assets.forecast.common import (
    CHAMPION,
    GROUP,
    HISTORY,
    ISSUED,
    POOL,
    SALES,
    SALES_2023,
    asset_spec,
    noted,
    opened,
    read_history,
    today,
)
from softcart_assets.forecast.pretrained import prediction
from softcart_assets.forecast.training import champion_model
from softcart_assets.metadata import OWNER, column_schema, table_metadata
from softcart_assets.raw import BOOKKEEPING, asset_key
from sync.engine import run_passes
from sync.errors import SyncError
from sync.passes import PassResult
from sync.targets.base import Target

DRIFT = "drift"
MONTHS_AHEAD = 12
AT_LEAST_TO = month_number(2023, 12)
PRETRAINED_ROW = ("2023", TOTAL)

Row = tuple[str | None, ...]
REPORTED = asset_key(SALES_FORECAST)


def _from(key: dg.AssetKey, columns: Mapping[str, Sequence[str]]) -> dict[str, list[dg.TableColumnDep]]:
    return {name: [dg.TableColumnDep(key, column) for column in origins] for name, origins in columns.items()}


ISSUED_COLUMNS = {
    "period": ["year", "month"],
    "category": ["category"],
    "sales": ["total_sales"],
    "lower": ["total_sales"],
    "upper": ["total_sales"],
}
ISSUED_LINEAGE = dg.TableColumnLineage(_from(HISTORY, ISSUED_COLUMNS))
REPORT_LINEAGE = dg.TableColumnLineage(
    {
        **_from(SALES, {column.name: [column.name] for column in SALES_FORECAST.columns}),
        "sales": [dg.TableColumnDep(SALES, "sales"), dg.TableColumnDep(SALES_2023, "prediction")],
    }
)


def build_sales_assets() -> Sequence[dg.AssetsDefinition]:
    """The forecast with its check for drift, and the report."""
    return [_forecast(), _report()]


def _forecast() -> dg.AssetsDefinition:
    spec = asset_spec(
        SALES,
        [CHAMPION, HISTORY],
        "Sales of the months to come by category and in total, by the model that stands.",
        {"python", "postgres"},
    ).merge_attributes(
        metadata={
            "dagster/table_name": "staging.forecast.issued",
            "dagster/column_schema": column_schema(SALES_FORECAST.columns),
            "dagster/column_lineage": ISSUED_LINEAGE,
        }
    )
    check = dg.AssetCheckSpec(
        DRIFT,
        asset=SALES,
        description=f"The last months' total is outside its {LEVEL:.0%} interval no more often than chance"
        f" has it (binomial test, {SIGNIFICANCE:.0%}).",
    )

    @dg.multi_asset(
        name="forecast_sales",
        specs=[spec],
        check_specs=[check],
        required_resource_keys={"staging"},
        pool=POOL,
    )
    def forecast_sales(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[Any]]:
        began = time.monotonic()
        with opened(context) as store:
            shown = _brought_up_to_date(store)
        yield dg.MaterializeResult(
            asset_key=SALES,
            metadata={
                "dagster/column_lineage": ISSUED_LINEAGE,
                **{name: value for name, value in shown.items() if name not in ("chart", "drift")},
                **({"chart": dg.MetadataValue.md(shown["chart"])} if "chart" in shown else {}),
                "seconds": round(time.monotonic() - began, 3),
            },
            check_results=[_drift_result(shown.get("drift"))],
        )

    return forecast_sales


def _brought_up_to_date(store: Store) -> dict[str, Any]:
    """Forecast anew where the history or the model changed; what is to be shown of the forecast."""
    found, known, mark = champion_model(store), store.read(ISSUED), store.mark(today())
    if found is None:
        store.write(ISSUED, {})
        return {"dagster/row_count": 0, "note": "no model was trained, so nothing is forecast"}
    model, origin = found
    basis = [mark, origin, model.to_json()]
    if known.get("basis") == basis:
        return dict(known["shown"])
    try:
        history = read_history(store)
    except HistoryTooShort as error:
        store.write(ISSUED, {})
        return {"dagster/row_count": 0, "note": str(error)}
    key = fingerprint(history, *basis[1:])
    if known.get("key") == key:
        store.write(ISSUED, {**known, "basis": basis})
        return dict(known["shown"])
    end = history.panel.end
    forecast = model.forecast(history, max(MONTHS_AHEAD, AT_LEAST_TO + 1 - end))
    drift = store.drift(history)
    through = period(end - 1)
    store.issue(through, model.method, forecast.rows)
    shown: dict[str, Any] = {
        "dagster/row_count": len(forecast.rows),
        "model": f"{model.method}, {origin}",
        "interval": f"{model.calibration.level:.0%}",
        "history": f"{period(history.panel.first)} to {through}",
        "to": forecast.rows[-1].period,
        "chart": draw(history, forecast, model.method),
        "drift": {"found": drift.is_found, "said": str(drift)},
        **noted(forecast.notes),
    }
    store.write(ISSUED, {"key": key, "basis": basis, "through": through, "shown": shown})
    return shown


def _drift_result(drift: dict[str, Any] | None) -> dg.AssetCheckResult:
    said = drift or {"found": False, "said": "nothing is forecast yet"}
    return dg.AssetCheckResult(
        asset_key=SALES,
        check_name=DRIFT,
        passed=not said["found"],
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{said['said']}{'; the next run trains anew' if said['found'] else ''}",
    )


def _report() -> dg.AssetsDefinition:
    spec = dg.AssetSpec(
        REPORTED,
        deps=[SALES, SALES_2023],
        group_name=GROUP,
        description=SALES_FORECAST.description,
        owners=[OWNER],
        kinds={"python", "postgres"},
        metadata=table_metadata(
            f"staging.{SALES_FORECAST.qualified}", [*SALES_FORECAST.columns, *BOOKKEEPING]
        )
        | {"dagster/column_lineage": REPORT_LINEAGE},
    )

    @dg.multi_asset(
        name="collect_forecasts", specs=[spec], required_resource_keys={"staging"}, pool="staging"
    )
    def collect_forecasts(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
        with opened(context) as store, context.resources.staging.target() as target:
            rows = list(_rows(store))
            result = _brought_to_staging(target, rows, context.run.run_id)
        return dg.MaterializeResult(
            asset_key=REPORTED,
            metadata={
                "dagster/row_count": result.rows,
                "inserted": result.inserted,
                "updated": result.updated,
                "deleted": result.deleted,
                "batch": result.batch,
                "dagster/column_lineage": REPORT_LINEAGE,
                "seconds": round(result.seconds, 3),
            },
        )

    return collect_forecasts


def _brought_to_staging(target: Target, rows: Sequence[Row], run_id: str) -> PassResult:
    """Let staging have these rows, as it gets those of any table. Raises `SyncError`."""
    import pyarrow as pa  # noqa: PLC0415

    values = zip(*rows, strict=True) if rows else [[] for _ in SALES_FORECAST.columns]
    names = [column.name for column in SALES_FORECAST.columns]
    table = pa.table(dict(zip(names, map(list, values), strict=True)))
    inputs = hashlib.sha256(json.dumps(rows).encode()).hexdigest()
    source = ResultSource({SALES_FORECAST.name: table}, inputs)
    ((_, outcome),) = run_passes([SALES_FORECAST], source, target, run_id)
    if isinstance(outcome, SyncError):
        raise outcome
    return outcome


def _rows(store: Store) -> Iterator[Row]:
    """As text: a figure is in staging to the last digit."""
    if through := store.read(ISSUED).get("through"):
        yield from store.issued(through)
    if predicted := prediction(store):
        yield (*PRETRAINED_ROW, predicted, None, None, "pretrained")
