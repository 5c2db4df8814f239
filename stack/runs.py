"""Runs whose process was killed: Dagster would take them for running for ever, and hold others back."""

from __future__ import annotations

import dagster as dg
import psutil
from dagster import DagsterRunStatus, RunsFilter

from softcart_assets.seams import fail_run, process_of
from stack.server import Say


def forget_dead_runs(say: Say) -> None:
    """Mark the dead runs of the instance in DAGSTER_HOME as failed, and say so."""
    with dg.DagsterInstance.get() as instance:
        for run_id in fail_dead_runs(instance):
            say(f"run {run_id} was killed; it is marked as failed now")


def fail_dead_runs(instance: dg.DagsterInstance) -> list[str]:
    """Mark the runs that died as failed; their ids.

    Only for an instance whose runs all execute on this machine: a run's process is looked for by its pid.
    """
    started = RunsFilter(statuses=[DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING])
    dead = []
    for record in instance.get_run_records(started):
        run = record.dagster_run
        pid = process_of(instance, run.run_id)
        if pid and not lives(pid, record.start_time or 0):
            fail_run(instance, run, f"The process that executed this run (pid {pid}) is gone.")
            dead.append(run.run_id)
    return dead


def lives(pid: int, since: float) -> bool:
    """Whether a pid still belongs to the process that had it at a time (seconds since 1970)."""
    try:
        return psutil.Process(pid).create_time() <= since
    except psutil.NoSuchProcess:
        return False
