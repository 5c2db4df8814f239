"""Jobs and schedules; what the sensors request is in `sensors.py`.

Every run is one process: a process a step would import the definitions again for each of them, which takes
longer than the step's work.
"""

import os
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg

from softcart_assets.progress import LINES
from softcart_assets.raw import SyncConfig, asset_key, hop_name
from softcart_assets.seams import in_process
from softcart_assets.switches import cron_of, schedule_status
from sync.passes import Compare
from sync.spec import Table

if TYPE_CHECKING:
    from softcart_assets.seams import AssetJob

RECONCILE, VERIFY = "reconcile", "verify"
WITHOUT_CEILING = {"dagster/max_runtime": str(30 * 86_400)}  # seconds; the monitor knows no "never"
LANDED = dg.AssetSelection.groups("landing")
# What lies beside the way from the sources to production: only `refresh` comes to it.
BESIDE_GROUPS = ("lake", "search", "forecast")
BESIDE = dg.AssetSelection.groups(*BESIDE_GROUPS)
HOURLY_SOURCES = {"mongodb", "files"}
EXTRACTED = dg.AssetSelection.groups("extraction")  # by the day, in a job of its own
LAKE_UPKEEP = dg.AssetSelection.assets(["lake", "maintenance"])
UPKEEP_GROUP = "upkeep"  # of Dagster's storage and of staging
UPKEEP = LAKE_UPKEEP | dg.AssetSelection.groups(UPKEEP_GROUP)
# What sensors keep up with its source is right without being materialized: its freshness is its heartbeat's.
FRESH_GROUPS = {"weblog", "exports", *BESIDE_GROUPS}
# The daily refresh may be an hour late; two that failed in a row are a failure of freshness too.
FRESHNESS = dg.FreshnessPolicy.time_window(warn_window=timedelta(hours=25), fail_window=timedelta(hours=49))


def with_freshness(spec: dg.AssetSpec) -> dg.AssetSpec:
    """The asset with the freshness that its readers may expect; what is landed is as old as its file."""
    return spec.replace_attributes(freshness_policy=FRESHNESS) if spec.group_name in FRESH_GROUPS else spec


def refresh_job(left_out: Sequence[dg.AssetCheckKey]) -> "AssetJob":
    """The job of the whole graph, without upkeep and without the checks that sensors alone can judge."""
    return dg.define_asset_job(
        "refresh",
        selection=dg.AssetSelection.all() - UPKEEP - EXTRACTED - dg.AssetSelection.checks(*left_out),
        config=LINES,
        executor_def=in_process,
        description="Everything: files, sync, star, lake, searches, forecast, reports, production, exports.",
    )


lake_maintenance = dg.define_asset_job(
    "lake_maintenance",
    selection=LAKE_UPKEEP,
    executor_def=in_process,
    description="Compact the lake's tables and remove files that nobody needs any more.",
)


FORECAST = dg.AssetSelection.groups("forecast")
# What shows the forecast too, without depending on it.
DRAWN = dg.AssetSelection.assets(["exports", "workbook"], ["exports", "dashboard"])
retrain = dg.define_asset_job(
    "retrain",
    selection=FORECAST | FORECAST.downstream() | DRAWN,
    config=dg.RunConfig(ops={"train": {"config": {"retrain": True}}}, loggers=LINES["loggers"]),
    executor_def=in_process,
    description="Train a model on all finished months, and forecast by it if it passes its check.",
)


def hourly_selection(tables: Sequence[Table]) -> dg.AssetSelection:
    """What comes from MongoDB and from files, and all behind it on the way to production."""
    read = [asset_key(table) for table in tables if table.source in HOURLY_SOURCES]
    return dg.AssetSelection.assets(*read).downstream() - dg.AssetSelection.groups("exports", *BESIDE_GROUPS)


def every_hour() -> dg.ScheduleDefinition:
    """The job `hourly`, five minutes past each hour."""
    return dg.ScheduleDefinition(
        name="hourly",
        job_name="hourly",
        cron_schedule=cron_of("hourly", "5 * * * *"),
        execution_timezone=os.environ.get("SOFTCART_TIMEZONE", "UTC"),
        default_status=schedule_status(),
        description="What is new in MongoDB and among the files, five minutes past each hour.",
    )


def compare_all(tables: Sequence[Table]) -> dg.RunConfig:
    """The configuration of a run that compares every row of these tables with its source."""
    hops = sorted({hop_name(table.source, table.target) for table in tables})
    return dg.RunConfig(ops={hop: SyncConfig(compare=Compare.ALL) for hop in hops}, loggers=LINES["loggers"])


def thorough_jobs(
    tables: Sequence[Table],
    steps: Sequence[str],
    mirrors: Sequence[str],
    left_out: Sequence[dg.AssetCheckKey],
) -> list["AssetJob"]:
    """What is asked for by hand and may take hours. `steps` are dbt's ops, `mirrors` those of production;
    the checks `left_out` are those that sensors alone can judge."""
    hops = sorted({hop_name(table.source, table.target) for table in tables})
    built = dg.AssetSelection.groups("star", "aggregates", "reports")
    production = dg.AssetSelection.groups("production")
    synced = dg.AssetSelection.assets(*(asset_key(table) for table in tables))
    rebuilt: dict[str, dg.Config | dict[str, Any]] = {step: {"config": {"rebuild": True}} for step in steps}
    compared = {mirror: {"config": {"compare": True}} for mirror in mirrors}

    def job(name: str, selection: dg.AssetSelection, ops: dict[str, Any], said: str) -> "AssetJob":
        return dg.define_asset_job(
            name,
            selection=selection - dg.AssetSelection.checks(*left_out),
            config={"ops": ops, **LINES},
            executor_def=in_process,
            tags=WITHOUT_CEILING,
            description=said,
        )

    return [
        job(
            "reload_everything",
            synced,
            {hop: {"config": {"reload": True}} for hop in hops},
            "Read every synced table anew, whatever is stored of it; sensors bring what follows.",
        ),
        job(
            "rebuild_star",
            built | (production - synced),
            {**rebuilt, **compared},
            "Build the star and the reports from all rows, repair what differs, and production after them.",
        ),
        job(
            "compare_everything",
            synced | production,
            {**{hop: {"config": {"compare": Compare.ALL.name}} for hop in hops}, **compared},
            "Compare every row of every hop, from the sources to production, and repair what differs.",
        ),
    ]


def verify_job(checks: Sequence[dg.AssetCheckKey]) -> "AssetJob":
    """The job of these checks alone, which so look at everything."""
    return dg.define_asset_job(
        VERIFY,
        selection=dg.AssetSelection.checks(*checks),
        config=LINES,
        executor_def=in_process,
        tags=WITHOUT_CEILING,
        description="Compare every row of every hop, from the sources to production, and ask all tests of"
        " every row; nothing is written.",
    )


def weekly_verification() -> dg.ScheduleDefinition:
    """Everything compared on Sundays at half past three, after what differed from its source was repaired."""
    return dg.ScheduleDefinition(
        name="weekly_verification",
        job_name=VERIFY,
        cron_schedule=cron_of("weekly_verification", "30 3 * * 0"),
        execution_timezone=os.environ.get("SOFTCART_TIMEZONE", "UTC"),
        default_status=schedule_status(),
        description="Every row of every hop compared, and all tests asked, on Sundays at half past three.",
    )


def weekly_reconciliation() -> dg.ScheduleDefinition:
    """The thorough comparison on Sundays at three, in the business's time zone."""
    return dg.ScheduleDefinition(
        name="weekly_reconciliation",
        job_name=RECONCILE,
        cron_schedule=cron_of("weekly_reconciliation", "0 3 * * 0"),
        execution_timezone=os.environ.get("SOFTCART_TIMEZONE", "UTC"),
        default_status=schedule_status(),
        description="Every row of the synced tables against its source, on Sundays at three.",
    )


def weekly_maintenance() -> dg.ScheduleDefinition:
    """The lake's upkeep on Sundays at four, in the business's time zone."""
    return dg.ScheduleDefinition(
        name="weekly_lake_maintenance",
        job=lake_maintenance,
        cron_schedule=cron_of("weekly_lake_maintenance", "0 4 * * 0"),
        execution_timezone=os.environ.get("SOFTCART_TIMEZONE", "UTC"),
        default_status=schedule_status(),
        description="The lake's files put in order, on Sundays at four.",
    )


weblog = dg.define_asset_job(
    "weblog",
    selection=dg.AssetSelection.groups("weblog").downstream() - UPKEEP,
    executor_def=in_process,
    description="What is new in the web log, to its archive, the lake, reports, production and exports.",
)


def weblog_daily() -> dg.ScheduleDefinition:
    """The web log half an hour after midnight, in the business's time zone."""
    return dg.ScheduleDefinition(
        name="weblog_daily",
        job=weblog,
        cron_schedule=cron_of("weblog_daily", "30 0 * * *"),
        execution_timezone=os.environ.get("SOFTCART_TIMEZONE", "UTC"),
        default_status=schedule_status(),
        description="What is new in the web log, half an hour after midnight.",
    )


def daily_refresh() -> dg.ScheduleDefinition:
    """The whole graph each morning at five, in the business's time zone."""
    return dg.ScheduleDefinition(
        name="daily_refresh",
        job_name="refresh",
        cron_schedule=cron_of("daily_refresh", "0 5 * * *"),
        execution_timezone=os.environ.get("SOFTCART_TIMEZONE", "UTC"),
        default_status=schedule_status(),
        description="The whole graph each morning at five.",
    )


def monthly_training() -> dg.ScheduleDefinition:
    """Training on the second of each month at four, when the month before is complete."""
    return dg.ScheduleDefinition(
        name="monthly_training",
        job=retrain,
        cron_schedule=cron_of("monthly_training", "0 4 2 * *"),
        execution_timezone=os.environ.get("SOFTCART_TIMEZONE", "UTC"),
        default_status=schedule_status(),
        description="A new model on the second of each month at four; it has to pass its check to stand.",
    )
