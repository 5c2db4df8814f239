"""The sensor for what a run left undone behind the synced tables."""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Sequence

import dagster as dg
from psycopg2.extensions import connection as Connection

from softcart_assets.dbt.graph import Model, Project
from softcart_assets.dbt.runner import DEFAULT_TIMEZONE
from softcart_assets.dbt.specs import model_key
from softcart_assets.dbt.state import built_models, project_version, stale_models
from softcart_assets.memory import Memory
from softcart_assets.production import MirroredTable, production_key
from softcart_assets.requests import SOURCE_TAG, held_back, in_flight, tried_again
from softcart_assets.ticks import Followed, Tick, alive, run_of
from sync.connections.postgresql import postgresql_errors
from sync.connections.urls import parse
from sync.warehouses.mirror import behind_staging
from sync.warehouses.postgresql.audited import unaudited
from sync.warehouses.postgresql.staging import PostgreSQLStaging

STAGING = "staging"
STAGING_INTERVAL_SECONDS = 30


def staging_sensor(
    project: Project,
    mirrored: Sequence[MirroredTable],
    job: str,
    followed: Followed,
) -> dg.SensorDefinition:
    """What a run left undone, by failing behind its first step or by being asked for a part, is done here."""

    @dg.sensor(
        name="staging_changes",
        job_name=job,
        minimum_interval_seconds=STAGING_INTERVAL_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        required_resource_keys={"staging", "production"},
        description="Requests star, reports and production where they are behind the synced tables.",
    )
    def changes(context: dg.SensorEvaluationContext) -> Tick:
        def look(memory: Memory) -> dg.SensorResult:
            with (
                context.resources.staging.connect() as staging,
                context.resources.production.warehouse() as warehouse,
            ):
                built = built_models(staging, project)
                keys = {model_key(model) for model in _due(staging, built, context.resources.staging.url)}
                # What is downstream of a stale model is requested with it.
                settled = {model_key(model) for model in built} - keys
                names = [table.name for table in mirrored if dg.AssetKey([*table.name]) in settled]
                behind = behind_staging(PostgreSQLStaging(staging), warehouse, names)
                keys |= {production_key(name) for name in behind}
            return request_behind(context, keys, memory, followed, STAGING, "production has what staging has")

        return alive(context, followed, (), look)

    return changes


def _due(staging: Connection, built: Sequence[Model], url: str) -> list[Model]:
    """The models that are stale, or whose last build did not pass its tests."""
    timezone = os.environ.get("SOFTCART_TIMEZONE") or DEFAULT_TIMEZONE
    stale = stale_models(staging, built, project_version(parse(url).database, timezone))
    with postgresql_errors("staging"), staging.cursor() as cursor:
        failed = unaudited(cursor, [model.name for model in built])
    return [model for model in built if model in stale or model.name in failed]


def request_behind(
    context: dg.SensorEvaluationContext,
    keys: Collection[dg.AssetKey],
    memory: Memory,
    followed: Followed,
    source: str,
    otherwise: str,
) -> dg.SensorResult:
    """Request these assets and what is downstream of them, as the sensor of `source`, unless a run is on its
    way there or they wait since the last one failed; `otherwise` is said where there are none."""
    cursor = str(memory)
    if not keys:
        return dg.SensorResult(skip_reason=otherwise, cursor=cursor)
    request, instance = run_of(context, keys, {SOURCE_TAG: source}), followed.instance.of(context)
    with followed.board.deciding(instance) as may_request:
        if not may_request:
            return dg.SensorResult(skip_reason="a run was requested in this moment", cursor=cursor)
        if run_id := in_flight(instance, request.asset_selection or (), followed.whole_jobs):
            return dg.SensorResult(skip_reason=f"run {run_id} is in flight", cursor=cursor)
        held = held_back(instance, [source], dict.fromkeys(keys))
        if held := {key: each for key, each in held.items() if each.again > time.time()}:
            return dg.SensorResult(skip_reason=tried_again(instance, held), cursor=cursor)
        followed.requested(instance)
    return dg.SensorResult([request], cursor=cursor)
