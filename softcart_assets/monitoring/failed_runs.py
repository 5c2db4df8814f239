"""Which steps have failed in their last run, carried from tick to tick."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from dagster import DagsterEventType, DagsterInstance, DagsterRun, DagsterRunStatus, RunsFilter

from softcart_assets.metadata import OWNER
from softcart_assets.monitoring.problems import MATERIALIZE, Problem, page
from softcart_assets.progress import failure_reason, is_failed_check
from softcart_assets.seams import events_of

ENDED = [DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE]
RUNS_AT_ONCE = 1000
WILL_RETRY = "dagster/will_retry"
NAMED, LONGEST = 5, 500

if TYPE_CHECKING:
    from softcart_assets.seams import BaseAssetGraph


@dataclass(frozen=True)
class FailedStep:
    """A step, or a job that failed in none of its steps, with the run and the time of the first failure."""

    run_id: str
    since: float
    why: str
    repair: str
    owners: tuple[str, ...] = (OWNER,)


def step_problem(name: str) -> str:
    return f"run: {name} failed"


def problems(open_steps: Mapping[str, FailedStep]) -> Iterator[Problem]:
    for name, failed in open_steps.items():
        link = page(f"runs/{failed.run_id}")
        yield Problem(step_problem(name), failed.why, failed.since, failed.repair, link, failed.owners)


def follow(
    instance: DagsterInstance,
    graph: BaseAssetGraph[Any] | None,
    open_steps: Mapping[str, FailedStep],
    seen_until: float,
) -> tuple[dict[str, FailedStep], float]:
    """The steps that are failed after the runs that ended since `seen_until`, and until when was seen now."""
    chosen = RunsFilter(statuses=ENDED, updated_after=datetime.fromtimestamp(seen_until, UTC))
    records = instance.get_run_records(
        chosen, limit=RUNS_AT_ONCE, order_by="update_timestamp", ascending=True
    )
    found = dict(open_steps)
    for record in records:
        run, ended = record.dagster_run, record.end_time or record.update_timestamp.timestamp()
        seen_until = max(seen_until, record.update_timestamp.timestamp())
        if run.is_success:
            for name in _repaired(instance, run, found):
                del found[name]
        elif run.tags.get(WILL_RETRY) != "true":
            for name, failed in _failed(instance, graph, run, ended).items():
                found.setdefault(name, failed)
    return found, seen_until


def _repaired(instance: DagsterInstance, run: DagsterRun, found: Mapping[str, FailedStep]) -> list[str]:
    if not found:
        return []
    entries = events_of(instance, run.run_id, DagsterEventType.STEP_SUCCESS)
    done = {entry.step_key for entry in entries} | {f"job {run.job_name}"}
    return [name for name in found if name in done]


def _failed(
    instance: DagsterInstance, graph: BaseAssetGraph[Any] | None, run: DagsterRun, ended: float
) -> dict[str, FailedStep]:
    """The steps that failed, but for those whose checks speak for themselves; the job where there is none."""
    entries = events_of(instance, run.run_id, DagsterEventType.STEP_FAILURE)
    events = [(entry.step_key or "", entry.dagster_event) for entry in entries if entry.dagster_event]
    found = {}
    whole = f"dagster job execute -f definitions.py -j {run.job_name}"
    for step, event in events:
        if is_failed_check(event):
            continue
        keys, owners = _assets(graph, run, step)
        repair = f"{MATERIALIZE} '{','.join(keys)}'" if keys else whole
        found[step] = FailedStep(run.run_id, ended, failure_reason(event)[:LONGEST], repair, owners)
    if not events:
        found[f"job {run.job_name}"] = FailedStep(run.run_id, ended, _end(instance, run), whole)
    return found


def _end(instance: DagsterInstance, run: DagsterRun) -> str:
    entries = events_of(instance, run.run_id, DagsterEventType.RUN_FAILURE)
    said = next((entry.dagster_event.message for entry in entries if entry.dagster_event), None)
    return " ".join((said or "no step failed, its page says more").split())[:LONGEST]


def _assets(
    graph: BaseAssetGraph[Any] | None, run: DagsterRun, step: str
) -> tuple[list[str], tuple[str, ...]]:
    """Some of the run's assets that the step makes, and their owners."""
    if graph is None:
        return [], (OWNER,)
    keys = [
        key
        for key in sorted(graph.get_all_asset_keys())
        if (node := graph.get(key)).is_executable
        and node.assets_def.op.name == step
        and (not run.asset_selection or key in run.asset_selection)
    ]
    owners = sorted({owner for key in keys for owner in graph.get(key).owners})
    return [key.to_user_string() for key in keys[:NAMED]], tuple(owners) or (OWNER,)
