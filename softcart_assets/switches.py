"""The settings of what runs by itself: whether it does, and when."""

from __future__ import annotations

import os

import dagster as dg

AUTOMATION, SCHEDULES = "SOFTCART_AUTOMATION", "SOFTCART_SCHEDULES"


def is_automatic() -> bool:
    """Whether schedules and sensors run by themselves under a daemon; off until somebody sets it.

    Raises `DagsterInvalidDefinitionError` for a setting that is neither on nor off.
    """
    said = os.environ.get(AUTOMATION) or "off"
    if said not in ("on", "off"):
        raise dg.DagsterInvalidDefinitionError(f"{AUTOMATION} is {said!r}: set it to on or to off")
    return said == "on"


def sensor_status() -> dg.DefaultSensorStatus:
    """How a sensor begins that nobody has switched by hand."""
    return dg.DefaultSensorStatus.RUNNING if is_automatic() else dg.DefaultSensorStatus.STOPPED


def schedule_status() -> dg.DefaultScheduleStatus:
    """How a schedule begins that nobody has switched by hand."""
    return dg.DefaultScheduleStatus.RUNNING if is_automatic() else dg.DefaultScheduleStatus.STOPPED


def cron_of(schedule: str, default: str) -> str:
    """When a schedule runs: as `SOFTCART_SCHEDULES` says, `daily_refresh=0 6 * * *; weblog_daily=…`, else its
    default.

    Raises `DagsterInvalidDefinitionError` where the setting cannot be read.
    """
    for entry in (os.environ.get(SCHEDULES) or "").split(";"):
        name, equals, cron = entry.partition("=")
        if entry.strip() and not equals:
            raise dg.DagsterInvalidDefinitionError(
                f"{SCHEDULES} has {entry.strip()!r}: write name=cron, with semicolons between several"
            )
        if name.strip() == schedule:
            return cron.strip()
    return default
