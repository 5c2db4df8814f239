"""Where each table stands, as metrics in Prometheus' format."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from sync.table_state import TableState

LABELS = ("target", "table", "source")
OPERATIONS = ("read", "inserted", "updated", "deleted")
States = Mapping[tuple[str, str], TableState]


def table_metrics(
    target: str, states: States, emptied: Collection[tuple[str, str]], now: datetime | None = None
) -> Iterator[GaugeMetricFamily]:
    """The gauges of a target's tables. `target` is what people call it, and holds no password."""
    moment = now or datetime.now(UTC)
    age = _gauge("softcart_table_age_seconds", "Time since the moment of the source that the table shows")
    rows = _gauge("softcart_table_rows", "Live rows")
    quarantined = _gauge("softcart_table_quarantined_rows", "Rows in quarantine")
    seconds = _gauge("softcart_table_pass_seconds", "How long the last pass took")
    gone = _gauge("softcart_table_emptied", "Whether somebody else has emptied or dropped the table")
    written = GaugeMetricFamily(
        "softcart_table_pass_rows", "Rows of the last pass", labels=(*LABELS, "operation")
    )
    for (schema, name), state in sorted(states.items()):
        labels = (target, f"{schema}.{name}", state.source)
        age.add_metric(labels, max(0.0, (moment - state.synced_at).total_seconds()))
        rows.add_metric(labels, state.rows)
        quarantined.add_metric(labels, state.quarantined)
        gone.add_metric(labels, (schema, name) in emptied)
        if state.seconds is not None:
            seconds.add_metric(labels, state.seconds)
        for operation in OPERATIONS:
            if (count := getattr(state, operation)) is not None:
                written.add_metric((*labels, operation), count)
    yield from (age, rows, quarantined, seconds, gone, written)


def _gauge(name: str, documentation: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, documentation, labels=LABELS)


class _Given(Collector):
    def __init__(self, metrics: Collection[GaugeMetricFamily]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[GaugeMetricFamily]:
        return iter(self._metrics)


def exposition(metrics: Iterator[GaugeMetricFamily]) -> str:
    """The text that Prometheus scrapes, or that node_exporter's textfile collector takes."""
    registry = CollectorRegistry()
    registry.register(_Given(list(metrics)))
    return generate_latest(registry).decode()
