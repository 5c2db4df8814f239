"""The sensors that let production follow its sources: one a source, one for staging behind them,
and one for new files.

- `source`: a source's sensor, and the run that it requests; `staging`: the sensor behind them;
  `files`: the one for new files
- `probe`: which tables of a source a run would change; how the log is asked is `sync/probe.py`
- `cursor`: what a sensor carries from tick to tick; `tick`: what the ticks of all sensors have in common
- `coordinator`: keeps the sensors of one code location from requesting the same twice
- `runs`: what stands in the way of a request, a run in flight or runs that failed
- `health`, `log_retention`: the checks of the tables that sensors report between runs

Exports are left to the jobs: who reads a file reads it once a day.
"""

from collections.abc import Collection, Sequence
from itertools import groupby

import dagster as dg

from softcart_assets.dbt.graph import Project
from softcart_assets.dbt.warm import Keeper
from softcart_assets.production import MirroredTable
from softcart_assets.sensors import health
from softcart_assets.sensors.files import files_sensor
from softcart_assets.sensors.source import source_sensor
from softcart_assets.sensors.staging import staging_sensor
from softcart_assets.sensors.tick import Followed
from sync.spec import Table


def build_sensors(
    tables: Sequence[Table],
    project: Project,
    mirrored: Sequence[MirroredTable],
    job: str,
    whole_jobs: Collection[str],
) -> list[dg.SensorDefinition]:
    """A sensor for each source that keeps a log, and one for staging. They request runs of the job
    named `job`; `whole_jobs` are the names of all jobs that sync every table."""
    active = sorted(
        health.followed(tables),
        key=lambda table: table.source,
    )
    by_source = {source: list(group) for source, group in groupby(active, key=lambda table: table.source)}
    followed = Followed(by_source, whole_jobs, Keeper() if project.models else None)
    return [
        *(source_sensor(source, followed, job) for source in by_source),
        staging_sensor(project, mirrored, job, followed),
        *files_sensor(tables, job, followed),
    ]
