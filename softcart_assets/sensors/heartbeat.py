"""An asset a sensor that says when it last looked, materialized each minute by the sensor itself.

Dagster judges freshness by the last materialization, which says nothing of a table: one that is quiet is
right without any. So the synced tables and what follows them by sensors carry no policy; what has to be fresh
is the look. A source that cannot be asked, or a sensor that is off or dead, turns its heartbeat red.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import timedelta

import dagster as dg

from softcart_assets.metadata import OWNER

GROUP = "heartbeat"
STAGING = "staging"
BEAT_SECONDS = 60.0
# Dagster evaluates this every half a minute.
FRESHNESS = dg.FreshnessPolicy.time_window(
    warn_window=timedelta(minutes=5), fail_window=timedelta(minutes=10)
)


def heartbeat_key(name: str) -> dg.AssetKey:
    """`heartbeat/mysql`, of the sensor `mysql_changes`."""
    return dg.AssetKey([GROUP, name])


def heartbeat_specs(sources: Iterable[str]) -> list[dg.AssetSpec]:
    """One of each source that a sensor looks at, and one of staging behind them."""
    looks = {source: f"{source} was looked at for what is new in its tables" for source in sources}
    looks[STAGING] = "production was compared with the synced tables that it follows"
    return [
        dg.AssetSpec(
            heartbeat_key(name),
            group_name=GROUP,
            owners=[OWNER],
            kinds={name if name != STAGING else "postgres"},
            description=f"When {what}. The sensor {name}_changes says it each minute.",
            freshness_policy=FRESHNESS,
        )
        for name, what in sorted(looks.items())
    ]


def is_due(beat_at: float) -> bool:
    """Whether a minute has passed since the last one, in seconds since 1970."""
    return time.time() - beat_at >= BEAT_SECONDS


def heartbeat(name: str) -> dg.AssetMaterialization:
    """What a sensor reports that has looked."""
    return dg.AssetMaterialization(heartbeat_key(name), description="looked, and could ask everything")
