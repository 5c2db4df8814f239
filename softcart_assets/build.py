"""The single assembler of the definitions."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from resources.landing import LandingResource
from resources.mongodb import MongoDBResource
from resources.mysql import MySQLResource
from resources.postgresql import PostgreSQLResource
from softcart_assets.automation import (
    LANDED,
    RECONCILE,
    compare_all,
    daily_refresh,
    in_process,
    refresh,
    weekly_reconciliation,
    with_freshness,
)
from softcart_assets.dbt.assets import build_dbt_assets
from softcart_assets.dbt.graph import Project, load_project
from softcart_assets.exports import build_export_assets
from softcart_assets.landing import SEED, build_landing_assets
from softcart_assets.production import MirroredTable, build_production_assets
from softcart_assets.progress import progress
from softcart_assets.raw import asset_key, build_raw_assets
from softcart_assets.retention import build_retention_checks, check_keys
from softcart_assets.sensors import build_sensors
from softcart_assets.tables import TABLES
from softcart_assets.weblog import build_weblog_assets
from sync.mirror import TableName
from sync.spec import Column, Table


def resources() -> dict[str, dg.ConfigurableResource[Any]]:
    """The systems, each at the URL that its environment variable has when a run opens it."""
    return {
        "mysql": MySQLResource(url=dg.EnvVar("SOFTCART_MYSQL_URL")),
        "mongodb": MongoDBResource(url=dg.EnvVar("SOFTCART_MONGO_URL")),
        "staging": PostgreSQLResource(url=dg.EnvVar("SOFTCART_STAGING_URL")),
        "production": PostgreSQLResource(url=dg.EnvVar("SOFTCART_PRODUCTION_URL")),
        "landing": LandingResource(
            folder=_if_set("SOFTCART_LANDING"),
            mysql_url=_if_set("SOFTCART_MYSQL_ADMIN_URL"),
            restore_url=_if_set("SOFTCART_MYSQL_RESTORE_URL"),
            mongodb_url=_if_set("SOFTCART_MONGO_ADMIN_URL"),
        ),
    }


def _if_set(variable: str) -> dg.EnvVar | None:
    return dg.EnvVar(variable) if os.environ.get(variable) else None


def mirrored(project: Project) -> list[MirroredTable]:
    """The star and the reports, as production gets them."""
    return [
        MirroredTable(
            TableName(model.schema, model.name),
            model.description,
            tuple(Column(column.name, column.type, column.description) for column in model.columns),
        )
        for model in project.models
    ]


def build_defs(
    tables: Sequence[Table] = TABLES,
    resource_overrides: Mapping[str, object] | None = None,
) -> dg.Definitions:
    """All assets, checks, jobs, schedules, sensors and resources of the platform.

    `tables` are the synced tables; `resource_overrides` replaces resources by name, as tests do.
    """
    project = load_project()
    copied = mirrored(project)
    assets = [
        *build_landing_assets(tables),
        *build_raw_assets(tables, seeds=[SEED]),
        build_dbt_assets(project),
        *build_production_assets(copied),
        *build_export_assets(project),
        *build_weblog_assets(),
    ]
    reconcile = dg.define_asset_job(
        RECONCILE,
        selection=dg.AssetSelection.assets(*(asset_key(table) for table in tables)),
        config=compare_all(tables),
        executor_def=in_process,
        description="Compare every row of the synced tables with its source, and repair what differs.",
    )
    sync = dg.define_asset_job(
        "sync",
        selection=dg.AssetSelection.all() - LANDED - dg.AssetSelection.checks(*check_keys(tables)),
        executor_def=in_process,
        description="One pass of what changed, from the shop's databases to production.",
    )
    jobs = [refresh, sync, reconcile]
    return dg.Definitions(
        assets=list(dg.map_asset_specs(with_freshness, assets)),
        asset_checks=build_retention_checks(tables),
        jobs=jobs,
        executor=in_process,
        schedules=[daily_refresh(), weekly_reconciliation()],
        sensors=build_sensors(tables, project, copied, sync.name, [job.name for job in jobs]),
        resources={**resources(), **(resource_overrides or {})},
        loggers={"progress": progress},
    )
