"""What is wrong with the platform now, each thing once and with the way to repair it.

A problem's key says what it is in words, and stays the same for as long as it lasts.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import dagster as dg
from dagster import DagsterInstance

from softcart_assets.metadata import OWNER
from softcart_assets.seams import Verdict, ticks
from softcart_assets.sensors.heartbeat import FRESHNESS, beats, heartbeat_key
from sync.errors import SyncError
from sync.table_state import TableState

UI_VARIABLE = "SOFTCART_UI_URL"
SHARE_VARIABLE, DEFAULT_SHARE = "SOFTCART_MAX_QUARANTINE_SHARE", 0.01
MATERIALIZE = "dagster asset materialize -f definitions.py --select"


@dataclass(frozen=True)
class Problem:
    """`key` is what, `why` what was said of it, `since` seconds since 1970, `repair` a command or what to do,
    `link` a page of Dagster's UI, empty where its address is not known."""

    key: str
    why: str
    since: float
    repair: str
    link: str = ""
    owners: tuple[str, ...] = (OWNER,)


def page(path: str) -> str:
    """A page of Dagster's UI, whose address SOFTCART_UI_URL has."""
    base = os.environ.get(UI_VARIABLE)
    return f"{base.rstrip('/')}/{path}" if base else ""


def check_key(key: dg.AssetCheckKey) -> str:
    return f"check {key.name} of {key.asset_key.to_user_string()}"


def of_checks(
    found: Mapping[dg.AssetCheckKey, Verdict], owners: Mapping[dg.AssetKey, tuple[str, ...]]
) -> Iterator[Problem]:
    """Red checks and those that warn."""
    for key, verdict in found.items():
        if verdict.check.passed:
            continue
        asset = key.asset_key.to_user_string()
        said = " ".join((verdict.check.description or "see its metadata").split())
        word = "" if verdict.is_red else "warning: "
        yield Problem(
            check_key(key),
            f"{word}{said}",
            verdict.at,
            "" if "dagster asset materialize" in said else f"{MATERIALIZE} {asset}",
            page(f"assets/{asset}?view=checks"),
            owners.get(key.asset_key) or (OWNER,),
        )


def of_ticks(instance: DagsterInstance) -> Iterator[Problem]:
    """Sensors and schedules whose last tick raised an error."""
    for tick in ticks(instance):
        if tick.error:
            yield Problem(
                f"sensor or schedule {tick.name}",
                tick.error,
                tick.at,
                "see its ticks; after a change of the code, reload the code location",
                page("automation"),
            )


def of_heartbeats(instance: DagsterInstance, names: list[str]) -> Iterator[Problem]:
    """Sensors that have not looked for longer than their heartbeat may be old."""
    longest = FRESHNESS.fail_window.to_timedelta().total_seconds()
    for name, at in beats(instance, names).items():
        if at is not None and time.time() - at > longest:
            yield Problem(
                f"heartbeat of {name}",
                f"the sensor {name}_changes has not looked since",
                at,
                f"see in the UI whether {name}_changes is on, what it says, and whether the daemon runs",
                page(f"assets/{heartbeat_key(name).to_user_string()}"),
            )


def max_quarantine_share() -> float:
    """SOFTCART_MAX_QUARANTINE_SHARE. Raises `SyncError` for what is no share."""
    said = os.environ.get(SHARE_VARIABLE) or str(DEFAULT_SHARE)
    try:
        share = float(said)
    except ValueError:
        share = -1
    if not 0 <= share <= 1:
        raise SyncError(f"{SHARE_VARIABLE} is a share between 0 and 1, not {said!r}")
    return share


def of_quarantine(states: Mapping[tuple[str, str], TableState], share: float) -> Iterator[Problem]:
    """Tables of whose rows a larger share is in quarantine than is allowed."""
    for (schema, name), state in states.items():
        rows = state.rows + state.quarantined
        if state.quarantined > share * rows:
            yield Problem(
                f"quarantine of {schema}.{name}",
                f"{state.quarantined:,} of {rows:,} rows are in quarantine, {share:.1%} are allowed"
                f" ({SHARE_VARIABLE})",
                state.synced_at.timestamp(),
                "python -m sync quarantine --to env:SOFTCART_STAGING_URL",
                page(f"assets/{schema}/{name}"),
            )
