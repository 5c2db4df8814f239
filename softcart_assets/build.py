"""The single assembler of the definitions."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg

from resources.db2 import Db2Resource
from resources.files import FilesResource
from resources.lake import LakeResource
from resources.landing import LandingResource
from resources.mongodb import MongoDBResource
from resources.mysql import MySQLResource
from resources.postgresql import PostgreSQLResource
from resources.spark import SparkResource
from resources.warehouse import WarehouseResource
from softcart_assets.adoption import build_adoption_assets, by_way_of_staging
from softcart_assets.automation import (
    BESIDE,
    EXTRACTED,
    LANDED,
    RECONCILE,
    UPKEEP,
    compare_all,
    daily_refresh,
    every_hour,
    hourly_selection,
    lake_maintenance,
    monthly_training,
    refresh_job,
    retrain,
    thorough_jobs,
    verify_job,
    weblog,
    weblog_daily,
    weekly_maintenance,
    weekly_reconciliation,
    weekly_verification,
    with_freshness,
)
from softcart_assets.bulk import build_bulk_load
from softcart_assets.dashboard import build_dashboard
from softcart_assets.dbt.assets import build_dbt_assets
from softcart_assets.dbt.graph import AGGREGATES, Project
from softcart_assets.dbt.loading import load_project
from softcart_assets.dbt.specs import check_spec
from softcart_assets.exports import build_export_assets
from softcart_assets.exports.lineage import build_lineage
from softcart_assets.file_tables import SOURCE
from softcart_assets.first_loads import build_load_jobs, first_loads_sensor
from softcart_assets.forecast import build_forecast_assets
from softcart_assets.lake import build_lake_assets
from softcart_assets.landing import SEED, build_landing_assets
from softcart_assets.monitoring.alerts import alerts_sensor
from softcart_assets.monitoring.notices import VARIABLE as ALERTS
from softcart_assets.notebook import build_notebook_asset
from softcart_assets.objects import build_object_assets
from softcart_assets.order_shop import build_extraction
from softcart_assets.production import (
    TOTALS,
    MirroredTable,
    build_production_assets,
    production_key,
    step_names,
    warehouse_kind,
)
from softcart_assets.progress import LINES, progress
from softcart_assets.questions import catalog_index_check
from softcart_assets.raw import RECONCILIATION, asset_key, build_raw_assets, check_key, described
from softcart_assets.seams import in_process
from softcart_assets.search import build_search_assets
from softcart_assets.sensors import build_sensors, health, lag
from softcart_assets.sensors.heartbeat import heartbeat_specs, watched
from softcart_assets.sensors.log_retention import build_retention_checks, check_keys
from softcart_assets.tables import TABLES
from softcart_assets.upkeep import backups, build_upkeep_assets, hourly_upkeep, upkeep
from softcart_assets.weblog import build_weblog_assets
from sync.errors import SyncError
from sync.spec import Column, Table
from sync.systems import is_target
from sync.warehouses.schema import TableName


def _warehouse() -> type[WarehouseResource]:
    """What opens production: assets of one's own read Db2 by SQLAlchemy too."""
    return Db2Resource if warehouse_kind() == "db2" else WarehouseResource


def resources() -> dict[str, dg.ConfigurableResource[Any]]:
    """The systems, each at the URL that its environment variable has when a run opens it."""
    return {
        "mysql": MySQLResource(url=dg.EnvVar("SOFTCART_MYSQL_URL")),
        "mongodb": MongoDBResource(url=dg.EnvVar("SOFTCART_MONGO_URL")),
        "staging": PostgreSQLResource(url=dg.EnvVar("SOFTCART_STAGING_URL")),
        "production": _warehouse()(url=dg.EnvVar("SOFTCART_PRODUCTION_URL")),
        "files": FilesResource(
            orders=_if_set("SOFTCART_ORDERS"),
            charges=_if_set("SOFTCART_CHARGES"),
            own=_if_set("SOFTCART_OBJECTS") or str(local_state() / "objects"),
        ),
        "lake": LakeResource(root=_if_set("SOFTCART_LAKE") or str(local_state() / "lake")),
        "spark": SparkResource(
            master=_if_set("SOFTCART_SPARK_MASTER"),
            packages=_if_set("SOFTCART_SPARK_PACKAGES"),
            options=_if_set("SOFTCART_SPARK_SETTINGS"),
        ),
        "landing": LandingResource(
            folder=_if_set("SOFTCART_LANDING"),
            copies=str(local_state() / "bucket"),
            rejected_share=_if_set("SOFTCART_MAX_REJECTED_SHARE") or "0.5",
            mysql_url=_if_set("SOFTCART_MYSQL_ADMIN_URL"),
            restore_url=_if_set("SOFTCART_MYSQL_RESTORE_URL"),
            mongodb_url=_if_set("SOFTCART_MONGO_ADMIN_URL"),
        ),
    }


def local_state() -> Path:
    """The folder of all local state."""
    return Path(os.environ.get("SOFTCART_HOME") or ".softcart")


def _if_set(variable: str) -> dg.EnvVar | None:
    return dg.EnvVar(variable) if os.environ.get(variable) else None


def mirrored(project: Project, tables: Sequence[Table] = ()) -> list[MirroredTable]:
    """The star, the orders and the reports, as production gets them, and the raw tables among `tables` that
    SOFTCART_MIRRORED names.

    Raises `SyncError` for a name there that no table has, or that a model has too.
    """
    raw = {table.qualified: table for table in tables if table.target == "staging"}
    named = [name.strip() for name in os.environ.get("SOFTCART_MIRRORED", "").split(",") if name.strip()]
    taken = {model.name for model in project.models}
    for name in named:
        if name not in raw or raw[name].name in taken:
            fit = ", ".join(sorted(each for each, table in raw.items() if table.name not in taken))
            raise SyncError(f"SOFTCART_MIRRORED names {name!r}; it takes raw tables: {fit}")
    return [
        *(
            MirroredTable(
                TableName(raw[name].schema, raw[name].name), described(raw[name]), raw[name].columns
            )
            for name in dict.fromkeys(named)
        ),
        *_models(project),
    ]


def _models(project: Project) -> list[MirroredTable]:
    """Rows without a key and batches could not be followed."""
    return [
        MirroredTable(
            TableName(model.schema, model.name),
            model.description,
            tuple(Column(column.name, column.type, column.description) for column in model.columns),
            model.part,
        )
        for model in project.models
        if model.is_tracked and model.schema != AGGREGATES
    ]


def specs_of(assets: Sequence[dg.AssetSpec | dg.AssetsDefinition]) -> list[dg.AssetSpec]:
    """What all of them say of themselves."""
    return [
        spec for each in assets for spec in (each.specs if isinstance(each, dg.AssetsDefinition) else [each])
    ]


def build_defs(
    tables: Sequence[Table] = TABLES,
    resource_overrides: Mapping[str, object] | None = None,
) -> dg.Definitions:
    """All assets, checks, jobs, schedules, sensors and resources of the platform.

    `tables` are the synced tables; `resource_overrides` replaces resources by name, as tests do.
    """
    project = load_project()
    extraction = build_extraction()
    copied = mirrored(project, tables)
    declared, adopting = tables, list[dg.AssetsDefinition]()
    if not is_target(os.environ.get("SOFTCART_PRODUCTION_URL") or "postgresql://"):
        tables, adopting = by_way_of_staging(tables), build_adoption_assets(tables, seeds=[SEED])
    beating = watched(tables)
    assets = [
        *build_landing_assets([table for table in tables if table.source != SOURCE]),
        *build_object_assets(tables),
        *extraction.assets,
        *build_raw_assets(tables, seeds=[SEED]),
        *adopting,
        *build_dbt_assets(project),
        *build_lake_assets(declared, project),
        *build_search_assets(declared),
        *build_forecast_assets(),
        build_notebook_asset(),
        *build_production_assets(copied),
        *build_export_assets(project),
        *build_weblog_assets(),
        build_dashboard(declared, copied),
        *build_upkeep_assets(tables),
        *heartbeat_specs(beating),
    ]
    assets.append(build_lineage(specs_of(assets), project))
    reconcile = dg.define_asset_job(
        RECONCILE,
        selection=dg.AssetSelection.assets(*(asset_key(table) for table in tables))
        - dg.AssetSelection.checks(*lag.check_keys(tables)),
        config=compare_all(tables),
        executor_def=in_process,
        description="Compare every row of the synced tables with its source, and repair what differs.",
    )
    reported = [*check_keys(tables), *health.check_keys(tables), *lag.check_keys(tables)]
    sync = dg.define_asset_job(
        "sync",
        selection=dg.AssetSelection.all()
        - LANDED
        - EXTRACTED
        - BESIDE
        - UPKEEP
        - dg.AssetSelection.checks(*reported),
        config=LINES,
        executor_def=in_process,
        description="One pass of what changed, from the shop's databases to production.",
    )
    hourly = dg.define_asset_job(
        "hourly",
        selection=hourly_selection(tables) - dg.AssetSelection.checks(*reported),
        config=LINES,
        executor_def=in_process,
        description="What is new in MongoDB, by its log, and among the files, and the models built of it.",
    )
    verify = verify_job(
        [
            *(check_key(table) for table in tables),
            *(check_spec(test, project.model(test.model)).key for test in project.tests),
            *(dg.AssetCheckKey(table.key, RECONCILIATION) for table in copied),
            dg.AssetCheckKey(production_key(TOTALS), RECONCILIATION),
        ]
    )
    jobs = [refresh_job(lag.check_keys(tables)), sync, hourly, weblog, reconcile, verify]
    return dg.Definitions(
        assets=list(dg.map_asset_specs(with_freshness, assets)),
        asset_checks=[
            *build_retention_checks(tables),
            *health.build_health_checks(tables),
            *lag.build_lag_checks(tables),
            catalog_index_check(),
        ],
        jobs=[
            *jobs,
            *thorough_jobs(
                tables,
                sorted({model.step for model in project.models}),
                step_names(copied),
                lag.check_keys(tables),
            ),
            *build_load_jobs(tables),
            lake_maintenance,
            retrain,
            upkeep,
            *([backups.job] if backups.is_wanted() else []),
            build_bulk_load(tables),
            *extraction.jobs,
        ],
        executor=in_process,
        schedules=[
            daily_refresh(),
            every_hour(),
            weblog_daily(),
            weekly_reconciliation(),
            weekly_verification(),
            weekly_maintenance(),
            monthly_training(),
            hourly_upkeep(),
            *([backups.nightly_backup()] if backups.is_wanted() else []),
            *extraction.schedules,
        ],
        sensors=[
            *build_sensors(tables, project, copied, sync.name, [job.name for job in jobs]),
            first_loads_sensor(tables),
            *([alerts_sensor(beating)] if os.environ.get(ALERTS) else []),
        ],
        resources={**resources(), **extraction.resources, **(resource_overrides or {})},
        loggers={"progress": progress},
    )
