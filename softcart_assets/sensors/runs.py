"""What stands in the way of a run that a sensor would request: a run in flight, or runs that failed."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import dagster as dg
from dagster import DagsterInstance, DagsterRunStatus, RunsFilter

from softcart_assets.progress import failure_reason
from softcart_assets.seams import find_runs, step_failures

SOURCE_TAG = "softcart/source"  # which sensor's request a run is
IN_FLIGHT = [
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
]
FIRST_WAIT, LONGEST_WAIT = 15.0, 600.0  # seconds after a run that failed
REMEMBERED = 20  # runs
LONGEST_CAUSE = 500  # characters


@dataclass(frozen=True)
class Held:
    """Until when (seconds since 1970) an asset waits, for the failure of which run."""

    again: float
    run_id: str


def in_flight(
    instance: DagsterInstance, keys: Collection[dg.AssetKey], whole_jobs: Collection[str]
) -> str | None:
    """The id of a run that is waiting or at work on one of these assets; `whole_jobs` are the names of jobs
    that have them all."""
    for run in find_runs(instance, RunsFilter(statuses=IN_FLIGHT)):
        chosen = run.asset_selection
        if run.job_name in whole_jobs if chosen is None else not chosen.isdisjoint(keys):
            return run.run_id
    return None


def newest_run(instance: DagsterInstance) -> str | None:
    """The id of the run that was created last."""
    return next((run.run_id for run in find_runs(instance, limit=1)), None)


def held_back(
    instance: DagsterInstance, requesters: Sequence[str], last_runs: Mapping[dg.AssetKey, str | None]
) -> dict[dg.AssetKey, Held]:
    """The assets whose last requested runs failed, with the time to try them again, which is later after each
    failure. `requesters` are the sensors' sources, whose requests are looked at.

    `last_runs` has the id of the run that last committed each asset: with another one committed, it was not
    this asset that failed. Where every asset of a failed run was committed, something behind them failed, and
    all of them wait.
    """
    requested = RunsFilter(tags={SOURCE_TAG: requesters})
    failures: Counter[dg.AssetKey] = Counter()
    ended: dict[dg.AssetKey, Held] = {}
    passed: set[dg.AssetKey] = set()
    for record in instance.get_run_records(requested, limit=REMEMBERED):
        run = record.dagster_run
        chosen = {key for key in last_runs if key in (run.asset_selection or ())}
        if run.is_success:
            passed |= chosen
            continue
        failed = {key for key in chosen if last_runs[key] != run.run_id}
        for key in (failed or chosen) - passed:
            failures[key] += 1
            ended.setdefault(key, Held(record.end_time or time.time(), run.run_id))
        if failed:
            passed |= chosen - failed
    return {
        key: replace(held, again=held.again + min(FIRST_WAIT * 2 ** (failures[key] - 1), LONGEST_WAIT))
        for key, held in ended.items()
    }


def tried_again(instance: DagsterInstance, held: Mapping[dg.AssetKey, Held]) -> str:
    """What a tick says of assets that wait: until when, and why their last run failed."""
    names = ", ".join(sorted(key.to_user_string() for key in held))
    wait = max(0.0, min(each.again for each in held.values()) - time.time())
    runs = sorted({each.run_id for each in held.values()})
    causes = "; ".join(f"run {run_id[:8]} failed: {_cause(instance, run_id)}" for run_id in runs)
    return f"{names}: tried again in {wait:.0f} seconds or later, since {causes}"


def _cause(instance: DagsterInstance, run_id: str) -> str:
    """What the run's failed steps say; what is to be read on its own page is not said here whole."""
    reasons = [failure_reason(event) for event in step_failures(instance, run_id)]
    said = "; ".join(dict.fromkeys(reasons)) or "no step failed, its page says more"
    return said if len(said) <= LONGEST_CAUSE else f"{said[:LONGEST_CAUSE]}…"
