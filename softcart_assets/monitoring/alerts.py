"""The sensor `alerts`: looks each half a minute at what is wrong, and tells it once.

What was told is in its cursor. A problem that comes back within a quarter of an hour after it was over is
told only if it is still there then. A message that nobody took is sent again with the next tick.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TypeVar

import dagster as dg

from softcart_assets.monitoring.failed_runs import FailedStep, follow
from softcart_assets.monitoring.failed_runs import problems as of_runs
from softcart_assets.monitoring.notices import Address, addresses, failing_message, over_message, send
from softcart_assets.monitoring.problems import (
    Problem,
    check_key,
    max_quarantine_share,
    of_checks,
    of_heartbeats,
    of_quarantine,
    of_ticks,
)
from softcart_assets.seams import KeptInstance, asset_graph, verdicts
from softcart_assets.switches import sensor_status
from sync.errors import SyncError

NAME = "alerts"
Subject = TypeVar("Subject")
INTERVAL_SECONDS = 30
AGAIN_SECONDS = 900.0
WATCHING_SECONDS = 120.0  # a longer time between two ticks: nobody watched, and heartbeats are old for that


@dataclass(frozen=True)
class Open:
    """A problem that was told: since when it is there, and whose it is."""

    since: float
    owners: tuple[str, ...]


@dataclass(frozen=True)
class Told:
    """What the sensor carries. `open` are the problems that were told, by key; `over` those that ended
    lately, with when. `failed` are steps, `seen_until` is up to when runs were looked at, `at` the last
    tick."""

    open: dict[str, Open] = field(default_factory=dict)
    over: dict[str, float] = field(default_factory=dict)
    failed: dict[str, FailedStep] = field(default_factory=dict)
    seen_until: float = 0.0
    at: float = 0.0

    @classmethod
    def parse(cls, cursor: str | None) -> Told:
        """From a cursor; a new one where that is none of ours, for which what failed before is not news."""
        try:
            value = json.loads(cursor or "")
            failed = {
                name: FailedStep(**{**step, "owners": tuple(step["owners"])})
                for name, step in value.pop("failed").items()
            }
            told = {
                key: Open(each["since"], tuple(each["owners"])) for key, each in value.pop("open").items()
            }
            return cls(told, failed=failed, **value)
        except (ValueError, TypeError, AttributeError, KeyError):
            return cls(seen_until=time.time())


def alerts_sensor(names: Sequence[str]) -> dg.SensorDefinition:
    """The sensor; `names` are those of the heartbeats. It needs the resource `staging`."""
    kept = KeptInstance()

    @dg.sensor(
        name=NAME,
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=sensor_status(),
        required_resource_keys={"staging"},
        description="Tells the addresses in SOFTCART_ALERTS what fails, and when it is over.",
    )
    def alerts(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        before, instance = Told.parse(context.cursor), kept.of(context)
        graph = asset_graph(context.repository_def)
        failed, seen_until = follow(instance, graph, before.failed, before.seen_until)
        checks = sorted(graph.asset_check_keys)
        found = verdicts(instance, checks)
        owners = {key: tuple(graph.get(key).owners) for key in graph.get_all_asset_keys()}
        problems = [*of_runs(failed), *of_checks(found, owners), *of_ticks(instance)]
        unknown = {check_key(key) for key in checks if key not in found}
        if time.time() - before.at < WATCHING_SECONDS:
            problems += of_heartbeats(instance, list(names))
        else:
            unknown |= {key for key in before.open if key.startswith("heartbeat of ")}
        try:
            with context.resources.staging.target() as target:
                problems += of_quarantine(target.states(), max_quarantine_share())
        except SyncError as error:
            context.log.info(f"the quarantine could not be looked at: {error}")
            unknown |= {key for key in before.open if key.startswith("quarantine of ")}
        looked = Told(before.open, before.over, failed, seen_until, time.time())
        told = tell(looked, problems, unknown, context.log.error)
        return dg.SensorResult(skip_reason=_said(told), cursor=json.dumps(asdict(told)))

    return alerts


def tell(
    told: Told, problems: Sequence[Problem], unknown: Collection[str], complain: Callable[[str], object]
) -> Told:
    """Send what begins and what is over; returns what was told then. The problems `unknown` could not be
    looked at and stay as they are. `complain` is told of addresses that took nothing."""
    now = time.time()
    current = {problem.key for problem in problems}
    lately = {key: at for key, at in told.over.items() if now - at < AGAIN_SECONDS}
    new = [problem for problem in problems if problem.key not in told.open and problem.key not in lately]
    ended = {key: was for key, was in told.open.items() if key not in current and key not in unknown}
    if new and not _to_all(new, _failing, complain):
        new = []
    if ended and not _to_all(list(ended.items()), _over, complain):
        ended = {}
    still = {key: was for key, was in told.open.items() if key not in ended}
    return replace(
        told,
        open={**still, **{problem.key: Open(problem.since, problem.owners) for problem in new}},
        over={**lately, **dict.fromkeys(ended, now)},
    )


def _failing(address: Address, problems: Sequence[Problem]) -> tuple[str, str] | None:
    mine = [problem for problem in problems if address.concerns(problem.owners)]
    return failing_message(mine) if mine else None


def _over(address: Address, ended: Sequence[tuple[str, Open]]) -> tuple[str, str] | None:
    mine = {key: was.since for key, was in ended if address.concerns(was.owners)}
    return over_message(mine) if mine else None


def _to_all(
    subjects: Sequence[Subject],
    message: Callable[[Address, Sequence[Subject]], tuple[str, str] | None],
    complain: Callable[[str], object],
) -> bool:
    """Send each address what concerns it; whether one took it, or none was to."""
    outcomes = []
    for address in addresses():
        if words := message(address, subjects):
            outcomes.append(send(address, *words))
            if not outcomes[-1]:
                complain(f"an alert was not taken by {address}: {words[0]}")
    return any(outcomes) or not outcomes


def _said(told: Told) -> str:
    return f"{len(told.open)} problems: {', '.join(list(told.open)[:5])}" if told.open else "nothing is wrong"
