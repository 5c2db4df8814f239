"""The sensor for what a run left undone behind the synced tables."""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Sequence

import dagster as dg

from softcart_assets.dbt.graph import Model, Project
from softcart_assets.dbt.runner import DEFAULT_TIMEZONE
from softcart_assets.dbt.specs import model_key
from softcart_assets.dbt.state import built_models, project_version, stale_models
from softcart_assets.production import MirroredTable, production_key
from softcart_assets.sensors.cursor import Cursor
from softcart_assets.sensors.heartbeat import STAGING
from softcart_assets.sensors.runs import SOURCE_TAG, held_back, in_flight, tried_again
from softcart_assets.sensors.tick import Followed, Tick, alive, run_of
from softcart_assets.switches import sensor_status
from sync.connections.postgresql import postgresql_errors
from sync.connections.psycopg import Connection
from sync.connections.urls import parse
from sync.warehouses.mirror import behind_staging
from sync.warehouses.postgresql.audited import unaudited
from sync.warehouses.postgresql.staging import PostgreSQLStaging

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
        default_status=sensor_status(),
        required_resource_keys={"staging", "production"},
        description="Requests star, reports and production where they are behind the synced tables.",
    )
    def changes(context: dg.SensorEvaluationContext) -> Tick:
        def probe(cursor: Cursor) -> dg.SensorResult:
            with (
                context.resources.staging.connect() as staging,
                context.resources.production.warehouse() as warehouse,
            ):
                built = built_models(staging, project)
                keys = {model_key(model) for model in _due(staging, built, context.resources.staging.url)}
                # What is downstream of a stale model is requested with it.
                settled = {model_key(model) for model in built} - keys
                names = [table.name for table in mirrored if dg.AssetKey([*table.name]) in settled]
                if keys:  # a run would fail where production does not answer
                    with warehouse.reader():
                        pass
                behind = behind_staging(PostgreSQLStaging(staging), warehouse, names)
                keys |= {production_key(name) for name in behind}
            return request_behind(context, keys, cursor, followed, STAGING, "production has what staging has")

        return alive(context, STAGING, followed, (), probe)

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
    cursor: Cursor,
    followed: Followed,
    source: str,
    otherwise: str,
) -> dg.SensorResult:
    """Request these assets and what is downstream of them, as the sensor of `source`, unless a run is on its
    way there or they wait since the last one failed; `otherwise` is said where there are none."""
    kept = str(cursor)
    if not keys:
        return dg.SensorResult(skip_reason=otherwise, cursor=kept)
    request, instance = run_of(context, keys, {SOURCE_TAG: source}), followed.instance.of(context)
    with followed.coordinator.deciding(instance) as may_request:
        if not may_request:
            return dg.SensorResult(skip_reason="a run was requested in this moment", cursor=kept)
        if run_id := in_flight(instance, request.asset_selection or (), followed.whole_jobs):
            return dg.SensorResult(skip_reason=f"run {run_id} is in flight", cursor=kept)
        held = held_back(instance, [source], dict.fromkeys(keys))
        if held := {key: each for key, each in held.items() if each.again > time.time()}:
            return dg.SensorResult(skip_reason=tried_again(instance, held), cursor=kept)
        followed.requested(instance)
    return dg.SensorResult([request], cursor=kept)
