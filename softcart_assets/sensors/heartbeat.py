"""An asset a sensor that says when it last looked, materialized each minute by the sensor itself.

Dagster judges freshness by the last materialization, which says nothing of a table: one that is quiet is
right without any. So the synced tables and what follows them by sensors carry no policy; what has to be fresh
is the look. A source that cannot be asked, or a sensor that is off or dead, turns its heartbeat red.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from datetime import timedelta

import dagster as dg

from softcart_assets.file_tables import SOURCE
from softcart_assets.metadata import OWNER
from softcart_assets.seams import materialized_at
from softcart_assets.sensors import health
from sync.spec import Table

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


def watched(tables: Sequence[Table]) -> list[str]:
    """The sources of `tables` that a sensor looks at, and staging behind them."""
    sources = [source for source, _ in health.grouped(health.followed(tables))]
    files = [SOURCE] if any(table.source == SOURCE and not table.paused for table in tables) else []
    return [*sources, *files, STAGING]


def heartbeat_specs(names: Iterable[str]) -> list[dg.AssetSpec]:
    """One of each that a sensor looks at, `names` as they are `watched`."""
    looks = {name: f"{name} was looked at for what is new in its tables" for name in names}
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


def beats(instance: dg.DagsterInstance, names: Iterable[str]) -> dict[str, float | None]:
    """When each sensor last said that it looks, in seconds since 1970; None where it never did."""
    keys = {name: heartbeat_key(name) for name in names}
    found = materialized_at(instance, list(keys.values()))
    return {name: found[key] for name, key in keys.items()}
