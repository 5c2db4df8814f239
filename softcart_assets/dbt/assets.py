"""Star and reports as multi-assets over the dbt project, any part of which can run.

Reports on what Spark found are a step of their own, so that the star has not to wait for Spark.

dagster-dbt translates a project as well, but importing it costs every run two seconds or more, and it
computes the column lineage anew each time.
"""

import os
from collections.abc import Iterable, Iterator

import dagster as dg
from pydantic import Field

from softcart_assets.dbt.events import Event, run
from softcart_assets.dbt.graph import Model, Project
from softcart_assets.dbt.loading import load_project
from softcart_assets.dbt.runner import DEFAULT_TIMEZONE
from softcart_assets.dbt.specs import asset_key, asset_spec, check_spec, model_key
from softcart_assets.dbt.state import prepare_models
from softcart_assets.failures import failure, names_findings
from sync.connections.psycopg import Connection
from sync.errors import SyncError
from sync.state import lease, prepare

LEASE = "dbt"
SENSOR = "dagster/sensor_name"


class BuildConfig(dg.Config):
    """How a run builds."""

    rebuild: bool = Field(
        default=False,
        description="Build the models from all rows instead of those that changed, and repair what differs.",
    )


def build_dbt_assets(project: Project | None = None) -> list[dg.AssetsDefinition]:
    """Star and reports with their tests as checks, an op a step; `project` is by default what `sql/` holds.

    A failed test of severity error stops the models that depend on its own, and is a blocking check for
    everything after them.
    """
    project = project or load_project()
    return [_build_step(step, project) for step in sorted({model.step for model in project.models})]


def _build_step(step: str, project: Project) -> dg.AssetsDefinition:
    specs = [asset_spec(model) for model in project.models if model.step == step]
    of_step = {test: project.model(test.model) for test in project.tests}
    checks = {
        test.unique_id: check_spec(test, model) for test, model in of_step.items() if model.step == step
    }

    @dg.multi_asset(
        name=step,
        specs=specs,
        check_specs=list(checks.values()),
        required_resource_keys={"staging"},
        can_subset=True,
        pool="staging",
    )
    @names_findings
    def dbt(context: dg.AssetExecutionContext, config: BuildConfig) -> Iterator[Event]:
        models = [model for model in project.models if model_key(model) in context.selected_asset_keys]
        asked = {check.key for check in checks.values()} & context.selected_asset_check_keys
        tests = [
            test for test in project.tests if test.unique_id in checks and checks[test.unique_id].key in asked
        ]
        staging = context.resources.staging
        timezone = os.environ.get("SOFTCART_TIMEZONE") or DEFAULT_TIMEZONE
        try:
            with staging.connect() as connection:
                prepare(connection)
                prepare_models(connection)
                check_inputs(connection, models)
                with lease(connection, LEASE):
                    # Whoever waits for a sensor's run waits for figures, not for pictures.
                    pictures = SENSOR not in context.run.tags
                    yield from run(
                        staging.url, connection, project, models, tests, timezone, config.rebuild, pictures
                    )
        except SyncError as error:
            raise failure([error]) from error

    return dbt


def check_inputs(connection: Connection, models: Iterable[Model]) -> None:
    """Raises `SyncError` when a table that is read is not there and not about to be built, naming what to
    materialize first."""
    wanted = list(models)
    built = {(model.schema, model.name) for model in wanted}
    with connection.cursor() as cursor:
        for model in wanted:
            for schema, table in sorted({*model.inputs} - built):
                cursor.execute("SELECT to_regclass(format('%%I.%%I', %s::text, %s::text))", (schema, table))
                if cursor.fetchone() == (None,):
                    key = asset_key(schema, table).to_user_string()
                    raise SyncError(
                        f"{model.name} reads {schema}.{table}, which staging does not have: materialize {key}"
                    )
