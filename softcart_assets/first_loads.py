"""First loads of large tables, apart from the runs that follow the sources.

A pool lets one run at a time into a database, and a first load may take hours: in it, every other table would
wait. So a large table's first load is a job of its own outside of the pools, one at a time by its tag, and
without the ceiling of other runs. It goes on where a run that was cut off has stopped; what follows from the
table is requested by the sensor of staging.
"""

import time
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

import dagster as dg
from dagster import DagsterInstance, RunsFilter
from pydantic import Field

from softcart_assets.automation import WITHOUT_CEILING
from softcart_assets.failures import failure
from softcart_assets.load_progress import LoadProgress
from softcart_assets.progress import LINES
from softcart_assets.raw import NAMED_KEYS, asset_key, materialization
from softcart_assets.seams import in_process
from softcart_assets.sensors import health
from softcart_assets.sensors.cursor import Cursor
from softcart_assets.sensors.probe import LogProbe, long_rows
from softcart_assets.sensors.runs import IN_FLIGHT
from softcart_assets.switches import sensor_status
from sync.engine import run_pass
from sync.errors import SyncError
from sync.passes import Compare, Options, PassResult
from sync.spec import Table

TAG = "softcart/first_load"  # whose value is the table; dagster.yaml lets one run at a time have it
JOB, OP, SENSOR = "first_load", "load_table", "first_loads"
INTERVAL_SECONDS = 30
AGAIN_SECONDS = 600.0  # after a load that failed


class LoadConfig(dg.Config):
    """Which table is loaded, and whether what is stored of it is disregarded."""

    table: str = Field(description="schema and name of the table in its target, such as raw.customers")
    reload: bool = Field(default=False, description="whether to read it anew, whatever was read before")


def build_load_jobs(tables: Sequence[Table]) -> list[dg.JobDefinition]:
    """The jobs `first_load` and `reload_table`, in which one table is chosen as a partition, or named by the
    configuration of their only step."""
    load = _load(tables)
    return [
        _job(
            JOB,
            "Load one large table for the first time, beside the runs of the others, or go on with it.",
            load,
            tables,
            reload=False,
        ),
        _job(
            "reload_table",
            "Read one table anew, whatever is stored of it, and accept columns of another type.",
            load,
            tables,
            reload=True,
        ),
    ]


def _job(
    name: str, description: str, load: dg.OpDefinition, tables: Sequence[Table], reload: bool
) -> dg.JobDefinition:
    @dg.static_partitioned_config(partition_keys=sorted({table.qualified for table in tables}))
    def of_table(partition_key: str) -> dict[str, Any]:
        return _run_config(partition_key, reload)

    @dg.job(
        name=name, description=description, executor_def=in_process, tags=WITHOUT_CEILING, config=of_table
    )
    def job() -> None:
        load()

    return job


def _run_config(table: str, reload: bool) -> dict[str, Any]:
    return {"ops": {OP: {"config": {"table": table, "reload": reload}}}, **LINES}


def _load(tables: Sequence[Table]) -> dg.OpDefinition:
    known = {table.qualified: table for table in tables}

    @dg.op(name=OP, required_resource_keys=_systems(tables))
    def load(context: dg.OpExecutionContext, config: LoadConfig) -> None:
        table = known.get(config.table)
        if table is None:
            raise dg.Failure(f"{config.table} is none of {', '.join(sorted(known))}", allow_retries=False)
        options = Options(
            Compare.COUNTS,
            config.reload,
            name_differing=NAMED_KEYS,
            observe=LoadProgress(table.qualified, context.log.info),
        )
        try:
            with (
                getattr(context.resources, table.source).source() as reader,
                getattr(context.resources, table.target).target() as writer,
            ):
                result = run_pass(table, reader, writer, context.run_id, options)
        except SyncError as error:
            raise failure([error]) from error
        _report(context, table, result)

    return load


def _systems(tables: Sequence[Table]) -> set[str]:
    return {name for table in tables for name in (table.source, table.target)}


def _report(context: dg.OpExecutionContext, table: Table, result: PassResult) -> None:
    """What the pass shows of itself, as its asset's own step would."""
    shown, key = materialization(table, result), asset_key(table)
    context.log_event(dg.AssetMaterialization(key, metadata=shown.metadata))
    for check in shown.check_results or ():
        context.instance.report_runless_asset_event(
            dg.AssetCheckEvaluation(
                asset_key=key,
                check_name=str(check.check_name),
                passed=check.passed,
                description=check.description,
            )
        )
    if result.differences:
        raise dg.Failure("; ".join(result.differences), allow_retries=False)


def first_loads_sensor(tables: Sequence[Table]) -> dg.SensorDefinition:
    """Requests the first loads of large tables, each by itself."""
    grouped = health.grouped(health.followed(tables))

    @dg.sensor(
        name=SENSOR,
        job_name=JOB,
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=sensor_status(),
        required_resource_keys=_systems(tables),
        description="Requests the first load of each large table, by itself and beside all other runs.",
    )
    def first_loads(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        requests, waiting = [], []
        for source, of_source in grouped:
            try:
                long = _long(context, source, of_source)
            except SyncError as error:
                waiting.append(f"{source}: {error}")
                continue
            for table in long:
                if reason := _hindrance(context.instance, table):
                    waiting.append(f"{table.qualified}: {reason}")
                else:
                    requests.append(_request(table))
        if requests:
            return dg.SensorResult(requests)
        return dg.SkipReason("; ".join(waiting) or "no large table waits for its first load")

    return first_loads


def _long(context: dg.SensorEvaluationContext, source: str, tables: Sequence[Table]) -> list[Table]:
    with ExitStack() as opened:
        reader = opened.enter_context(getattr(context.resources, source).source())
        targets = {
            name: opened.enter_context(getattr(context.resources, name).target())
            for name in sorted({table.target for table in tables})
        }
        return LogProbe(tables, reader, targets, Cursor()).long_first_loads(long_rows())


def _hindrance(instance: DagsterInstance, table: Table) -> str:
    """Why the table's first load is not requested now: it is under way, or failed a moment ago."""
    chosen = RunsFilter(tags={TAG: table.qualified})
    for record in instance.get_run_records(chosen, limit=1):
        run = record.dagster_run
        if run.status in IN_FLIGHT:
            return f"run {run.run_id[:8]} loads it"
        since = time.time() - (record.end_time or 0.0)
        if run.is_failure and since < AGAIN_SECONDS:
            return f"run {run.run_id[:8]} failed, tried again in {AGAIN_SECONDS - since:.0f} seconds"
    return ""


def _request(table: Table) -> dg.RunRequest:
    return dg.RunRequest(
        tags={TAG: table.qualified, **WITHOUT_CEILING},
        run_config=_run_config(table.qualified, reload=False),
    )
