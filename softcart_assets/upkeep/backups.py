"""The nightly backup, where SOFTCART_BACKUPS names a folder for it: what `make backup` does.

The servers' own tools and the local shop belong to the clone, whose command this runs as a process of its
own; in an installation without the clone, whoever keeps the databases backs them up.
"""

import os
import subprocess
import sys
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import dagster as dg

from softcart_assets.automation import UPKEEP_GROUP, WITHOUT_CEILING
from softcart_assets.metadata import OWNER
from softcart_assets.seams import in_process
from softcart_assets.switches import cron_of, schedule_status

FOLDER = "SOFTCART_BACKUPS"
KEY = dg.AssetKey([UPKEEP_GROUP, "backup"])
CLONE = Path(__file__).parents[2]
SAVED = "saved in "
# One that is an hour late is no failure; a night without one is.
FRESHNESS = dg.FreshnessPolicy.time_window(warn_window=timedelta(hours=25), fail_window=timedelta(hours=49))


def is_wanted() -> bool:
    """Whether backups are made by schedule."""
    return bool(os.environ.get(FOLDER))


@dg.asset(
    key=KEY,
    group_name=UPKEEP_GROUP,
    owners=[OWNER],
    kinds={"postgres"},
    freshness_policy=FRESHNESS,
    description=(
        "Staging, production, Dagster's storage and the local shop, saved by the servers' own tools into a"
        " new folder of SOFTCART_BACKUPS; the last SOFTCART_BACKUPS_KEPT are kept."
    ),
)
def backup(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
    """Raises `dg.Failure` with what the command said where it failed, or where there is no clone."""
    if find_spec("stack") is None:
        raise dg.Failure(
            "backups are made by a clone's own command, and this is an installation without it: unset"
            f" {FOLDER}, and back up the databases where they are",
            allow_retries=False,
        )
    done = subprocess.run(
        [sys.executable, "-m", "stack", "backup"], cwd=CLONE, capture_output=True, text=True, check=False
    )
    said = [line for line in done.stderr.splitlines() if line.strip()]
    if done.returncode:
        raise dg.Failure((said or ["it said nothing"])[-1].removeprefix("Error: "), allow_retries=False)
    for line in said:
        context.log.info(line)
    folder = Path(next(line.removeprefix(SAVED) for line in said if line.startswith(SAVED)))
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return dg.MaterializeResult(
        metadata={
            "folder": dg.MetadataValue.path(folder),
            "megabytes": round(size / 1e6, 1),
            "kept": len([path for path in folder.parent.iterdir() if path.is_dir()]),
        }
    )


job = dg.define_asset_job(
    "backup",
    selection=dg.AssetSelection.assets(KEY),
    executor_def=in_process,
    tags=WITHOUT_CEILING,
    description="Save all databases into a new folder of SOFTCART_BACKUPS.",
)


def nightly_backup() -> dg.ScheduleDefinition:
    """At two each night, in the business's time zone."""
    return dg.ScheduleDefinition(
        name="nightly_backup",
        job=job,
        cron_schedule=cron_of("nightly_backup", "0 2 * * *"),
        execution_timezone=os.environ.get("SOFTCART_TIMEZONE", "UTC"),
        default_status=schedule_status(),
        description="All databases saved, at two each night.",
    )
