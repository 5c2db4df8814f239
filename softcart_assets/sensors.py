"""The sensor that requests a sync when a source has changed.

What was synced is told by the runs themselves: a run carries the position of the sources that it was
requested for as a tag, and the sensor advances only past a run that succeeded.
"""

import json
import time
from hashlib import sha256

import dagster as dg
from dagster import DagsterRunStatus, RunsFilter

from resources.mongodb import MongoDBResource
from resources.mysql import MySQLResource
from softcart_assets.automation import sync
from sync.errors import TransientError

POSITION_TAG = "softcart/source_position"
RETRY_AFTER = 300.0  # seconds before a position whose sync failed is requested again
IN_FLIGHT = [
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
]


def positions(mysql: MySQLResource, mongodb: MongoDBResource, cursor: str | None) -> dict[str, str | None]:
    """Where each source's log ends; `cursor` is this function's former answer as JSON."""
    before = json.loads(cursor) if cursor else {}
    with mysql.source() as shop, mongodb.source() as catalog:
        return {"mysql": shop.position(), "mongodb": catalog.last_change(before.get("mongodb"))}


@dg.sensor(
    job=sync,
    minimum_interval_seconds=15,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Requests a sync when MySQL's binlog or MongoDB's change stream has moved.",
)
def source_changes(
    context: dg.SensorEvaluationContext, mysql: MySQLResource, mongodb: MongoDBResource
) -> dg.SensorResult | dg.SkipReason:
    if context.instance.get_run_records(RunsFilter(job_name=sync.name, statuses=IN_FLIGHT), limit=1):
        return dg.SkipReason("a sync is in flight")
    try:
        cursor = json.dumps(positions(mysql, mongodb, context.cursor), sort_keys=True)
    except TransientError as error:
        return dg.SkipReason(f"a source cannot be reached: {error}")
    position = sha256(cursor.encode()).hexdigest()
    requested = RunsFilter(job_name=sync.name, tags={POSITION_TAG: position})
    for last in context.instance.get_run_records(requested, limit=1):
        if last.dagster_run.is_success:
            return dg.SensorResult(skip_reason="nothing changed since the last sync", cursor=cursor)
        if time.time() - (last.end_time or 0.0) < RETRY_AFTER:
            return dg.SensorResult(skip_reason="the last sync failed; it is tried again later", cursor=cursor)
    return dg.SensorResult([dg.RunRequest(tags={POSITION_TAG: position})], cursor=cursor)
