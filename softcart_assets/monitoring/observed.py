"""What Dagster's storage says of checks, of the ticks of sensors and schedules, and of heartbeats."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import dagster as dg
from dagster import AssetCheckEvaluation, DagsterInstance

from softcart_assets.sensors.heartbeat import heartbeat_key


@dataclass(frozen=True)
class Verdict:
    """The last evaluation of a check: `run_id` is empty where a sensor reported it."""

    check: AssetCheckEvaluation
    run_id: str
    at: float

    @property
    def is_red(self) -> bool:
        return not self.check.passed and self.check.severity is dg.AssetCheckSeverity.ERROR


@dataclass(frozen=True)
class Tick:
    """The last tick of a sensor or a schedule that is on; `error` is empty where it went well."""

    name: str
    error: str
    at: float


def verdicts(instance: DagsterInstance, keys: Sequence[dg.AssetCheckKey]) -> dict[dg.AssetCheckKey, Verdict]:
    """The last evaluations; checks that were never evaluated, or are at this moment, are left out."""
    records = instance.event_log_storage.get_latest_asset_check_execution_by_key(keys)
    return {
        key: Verdict(record.evaluation, record.run_id, record.event.timestamp)
        for key, record in records.items()
        if record.event and isinstance(record.evaluation, AssetCheckEvaluation)
    }


def ticks(instance: DagsterInstance) -> list[Tick]:
    """Of everything that was ever evaluated and is on."""
    states = {state.selector_id: state for state in instance.all_instigator_state() if state.is_running}
    if not states:
        return []
    found = instance.get_batch_ticks(list(states), limit=1)
    return [
        Tick(states[selector].name, _message(tick.error) if tick.error else "", tick.timestamp)
        for selector, (tick,) in found.items()
    ]


def _message(error: object) -> str:
    return " ".join(str(getattr(error, "message", error)).split())


def beats(instance: DagsterInstance, names: Iterable[str]) -> dict[str, float | None]:
    """When each sensor last said that it looks, in seconds since 1970; None where it never did."""
    keys = {name: heartbeat_key(name) for name in names}
    events = instance.get_latest_materialization_events(list(keys.values()))
    return {name: event.timestamp if (event := events.get(key)) else None for name, key in keys.items()}
