"""A warehouse of monthly sales in staging, and the forecast's assets over it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster import AssetCheckEvaluation
from psycopg2.extensions import connection as Connection
from psycopg2.extras import execute_values

from forecast.months import first_day, period
from forecast.series import History
from resources.landing import LandingResource
from resources.postgresql import PostgreSQLResource
from resources.spark import SparkResource
from softcart_assets.forecast import build_forecast_assets
from softcart_assets.forecast import common as forecast_assets
from sync import state
from sync.connections.postgresql import connect_postgresql
from tests.forecast.histories import FIRST, all_days

TABLES = """
CREATE TABLE reports.sales_by_month_category (
    report_key bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY, year integer, month integer, category text,
    total_sales numeric(24,2), sales bigint, _batch bigint, _deleted boolean DEFAULT false
);
CREATE TABLE star.dim_date (date_key bigint, date date, _deleted boolean DEFAULT false);
CREATE TABLE aggregates.sales_by_day (date_key bigint, _deleted boolean DEFAULT false);
"""


@dataclass
class Warehouse:
    """Staging with monthly sales. `spark` is shared by all runs, `landing` a folder to land a model in."""

    connection: Connection
    url: str
    landing: Path
    spark: SparkResource
    batch: int = field(default=1)

    def query(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        with self.connection, self.connection.cursor() as cursor:
            cursor.execute(statement, values or None)
            return list(cursor) if cursor.description else []

    def hold(self, history: History) -> None:
        """Make the sales those of a history, with sales on each of its days."""
        panel = history.panel
        rows = [
            (*map(int, period(panel.first + month).split("-")), name, round(float(value), 2), self.batch)
            for name, row in zip(panel.names, panel.values, strict=True)
            for month, value in enumerate(row)
        ]
        self.batch += 1
        days = [(int(day.strftime("%Y%m%d")), day) for day in all_days(panel.first, panel.months)]
        with self.connection, self.connection.cursor() as cursor:
            cursor.execute("TRUNCATE reports.sales_by_month_category, star.dim_date, aggregates.sales_by_day")
            execute_values(
                cursor,
                "INSERT INTO reports.sales_by_month_category (year, month, category, total_sales, _batch)"
                " VALUES %s",
                rows,
            )
            execute_values(cursor, "INSERT INTO star.dim_date (date_key, date) VALUES %s", days)
            cursor.execute("INSERT INTO aggregates.sales_by_day SELECT date_key FROM star.dim_date")

    def run(self, **config: dict[str, object]) -> dg.ExecuteInProcessResult:
        """Materialize all that is the forecast's; `config` is that of ops."""
        return dg.materialize(
            [*build_forecast_assets()],
            resources={
                "staging": PostgreSQLResource(url=self.url),
                "landing": LandingResource(folder=str(self.landing), rejected_share="0.5"),
                # As a plain object, or each run would start a JVM of its own.
                "spark": dg.ResourceDefinition.hardcoded_resource(self.spark),
            },
            run_config={"ops": {op: {"config": values} for op, values in config.items()}},
            raise_on_error=False,
        )

    def forecast(self) -> list[tuple[Any, ...]]:
        """The live rows in staging."""
        return self.query(
            "SELECT period, category, sales, lower, upper, model FROM raw.sales_forecast"
            " WHERE NOT _deleted ORDER BY period, category"
        )


@pytest.fixture(scope="package")
def spark() -> Iterator[SparkResource]:
    """One session for all tests of the package."""
    resource = SparkResource(master="local[1]", settings={"spark.driver.memory": "512m"})
    yield resource
    resource.stop()


@pytest.fixture
def warehouse(
    staging: str,
    urls: dict[str, str],
    spark: SparkResource,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Warehouse]:
    """Staging without any sales on the day after the 48 months of the test's shop; models go to the stack's
    MLflow database."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", urls["MLFLOW_TRACKING_URI"])
    monkeypatch.setenv("SOFTCART_HOME", str(tmp_path))
    be_on(first_day(FIRST + 48), monkeypatch)
    landing = tmp_path / "landing"
    landing.mkdir()
    with closing(connect_postgresql(staging)) as connection:
        state.prepare(connection, schemas=("star", "aggregates", "reports"))
        made = Warehouse(connection, staging, landing, spark)
        made.query(TABLES)
        yield made


def be_on(day: dt.date, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let it be a day."""
    from softcart_assets.forecast import sales, training

    for module in (forecast_assets, sales, training):
        monkeypatch.setattr(module, "today", lambda: day)


def shown(result: dg.ExecuteInProcessResult, key: dg.AssetKey) -> dict[str, Any]:
    """An asset's metadata as plain values."""
    (event,) = [
        event for event in result.all_events if event.is_step_materialization and event.asset_key == key
    ]
    metadata = event.step_materialization_data.materialization.metadata
    return {name: getattr(value, "value", value) for name, value in metadata.items()}


def check(result: dg.ExecuteInProcessResult, name: str) -> AssetCheckEvaluation:
    """A check's evaluation."""
    (found,) = [each for each in result.get_asset_check_evaluations() if each.check_name == name]
    return found
