"""Sensors evaluated as the daemon does it, on real sources and an instance of its own."""

from collections.abc import Sequence
from typing import Any

import dagster as dg
from dagster import DagsterInstance, DagsterRunStatus

from softcart_assets.build import resources
from softcart_assets.dbt.graph import Project
from softcart_assets.raw import asset_key, build_raw_assets
from softcart_assets.sensors import build_sensors, health
from softcart_assets.sensors.log_retention import build_retention_checks, check_keys
from sync.spec import Table


def definitions(tables: Sequence[Table]) -> dg.Definitions:
    """The raw tables with an asset behind each, an export of it, and the sensors."""
    behind = [
        dg.AssetSpec(["star", table.name], deps=[asset_key(table)], group_name="star") for table in tables
    ]
    exports = [
        dg.AssetSpec(["exports", spec.key.path[-1]], deps=[spec.key], group_name="exports") for spec in behind
    ]

    @dg.multi_asset(specs=[*behind, *exports], can_subset=True)
    def others(context: dg.AssetExecutionContext) -> Any:
        if context.run.tags.get("fail"):
            raise dg.Failure("as the test wants it", allow_retries=False)
        for key in sorted(context.selected_asset_keys):
            yield dg.MaterializeResult(key)

    checks = [*build_retention_checks(tables), *health.build_health_checks(tables)]
    log_checks = dg.AssetSelection.checks(*check_keys(tables))
    reported = log_checks | dg.AssetSelection.checks(*health.check_keys(tables))
    job = dg.define_asset_job("sync", dg.AssetSelection.all() - reported, executor_def=dg.in_process_executor)
    return dg.Definitions(
        assets=[*build_raw_assets(tables, seeds=[]), others],
        asset_checks=checks,
        jobs=[job, dg.define_asset_job("checks", log_checks)],
        sensors=build_sensors(tables, Project((), ()), [], job.name, ["sync", "refresh"]),
        resources=resources(),
    )


class Ticks:
    """Each tick gets the cursor that the last one left."""

    def __init__(
        self,
        instance: DagsterInstance,
        tables: Sequence[Table],
        source: str,
        given: dg.Definitions | None = None,
    ) -> None:
        self.instance = instance
        self.definitions = given or definitions(tables)
        self.sensor = f"{source}_changes"
        self.cursor: str | None = None
        self.said: str | None = None  # by the last tick
        self.reported: list[dg.AssetCheckEvaluation] = []  # checks, by the last tick
        self.beats: list[dg.AssetMaterialization] = []  # heartbeats, by the last tick

    def tick(self, sensor: str | None = None) -> list[dg.RunRequest]:
        """What a tick of the sensor requests, or of another one of these definitions, without its memory."""
        data = self._evaluate(sensor or self.sensor, None if sensor else self.cursor)
        if sensor is None:
            self.cursor = data.cursor or self.cursor
        self.said = data.skip_message
        self.reported = [event for event in data.asset_events if isinstance(event, dg.AssetCheckEvaluation)]
        self.beats = [event for event in data.asset_events if isinstance(event, dg.AssetMaterialization)]
        return list(data.run_requests or [])

    def _evaluate(self, sensor: str, cursor: str | None) -> Any:
        repository = self.definitions.get_repository_def()
        with dg.build_sensor_context(
            instance=self.instance,
            cursor=cursor,
            repository_def=repository,
            resources=repository.get_top_level_resources(),
        ) as context:
            return repository.get_sensor_def(sensor).evaluate_tick(context)

    def requested(self) -> set[str]:
        """What a tick requests, by the assets' keys."""
        return {key.to_user_string() for request in self.tick() for key in request.asset_selection or ()}

    def run(self, request: dg.RunRequest, **tags: str) -> bool:
        """Execute what was requested; returns whether it succeeded."""
        result = self.definitions.resolve_job_def("sync").execute_in_process(
            instance=self.instance,
            asset_selection=request.asset_selection,
            tags={**request.tags, **tags},
            raise_on_error=False,
        )
        return result.success

    def settle(self) -> None:
        """Run what is requested, until nothing is."""
        while requests := self.tick():
            for request in requests:
                assert self.run(request)

    def begin(self, request: dg.RunRequest, status: DagsterRunStatus) -> str:
        """Record a run of the request in `status`; returns its id."""
        job = self.definitions.resolve_job_def("sync").get_subset(
            asset_selection=set(request.asset_selection or ())
        )
        run = self.instance.create_run_for_job(
            job,
            status=status,
            tags=dict(request.tags),
            asset_selection=frozenset(request.asset_selection or ()),
        )
        return run.run_id
