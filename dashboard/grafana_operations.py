"""Grafana's dashboard of the platform's own metrics, in `deploy/grafana/operations.json`.

The data source is a Prometheus that scrapes /metrics, as `make ui` serves it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

PLUGIN = "prometheus"


@dataclass(frozen=True)
class Graph:
    """A panel: its title, what it asks Prometheus, how a line is named, its unit, and a line not to be
    crossed."""

    title: str
    query: str
    legend: str
    unit: str = "short"
    threshold: float | None = None


SECTIONS: dict[str, tuple[Graph, ...]] = {
    "Is it right, and in time": (
        Graph("Lag by source", "max by (source) (softcart_lag_seconds)", "{{source}}", "s", 600),
        Graph("Tables that lag most", "topk(10, softcart_lag_seconds)", "{{source}} {{table}}", "s", 600),
        Graph("Time since a sensor looked", "softcart_heartbeat_age_seconds", "{{sensor}}", "s", 600),
        Graph("Failed checks", "sum by (severity) (softcart_check_failed)", "{{severity}}", threshold=1),
        Graph("Systems that answer", "softcart_system_up", "{{system}}"),
        Graph("Sensors and schedules in error", "softcart_tick_failed", "{{name}}", threshold=1),
    ),
    "What it does": (
        Graph("Runs of the last day", "softcart_runs > 0", "{{status}}"),
        Graph(
            "Rows of the last passes",
            'sum by (table, operation) (softcart_table_pass_rows{operation!="read"}) > 0',
            "{{table}} {{operation}}",
        ),
        Graph("Seconds of the last passes", "softcart_table_pass_seconds", "{{table}}", "s"),
    ),
    "What it holds": (
        Graph("Rows", "softcart_table_rows", "{{target}} {{table}}"),
        Graph("Rows in quarantine", "softcart_table_quarantined_rows > 0", "{{table}}", threshold=1),
        Graph("Age of what a table shows", "softcart_table_age_seconds", "{{table}}", "s"),
    ),
}


def specification() -> str:
    """The dashboard as JSON that Grafana imports."""
    from grafana_foundation_sdk.builders import dashboard as builders  # noqa: PLC0415
    from grafana_foundation_sdk.cog.encoder import JSONEncoder  # noqa: PLC0415

    source = builders.DatasourceVariable("source").label("Data source").type(PLUGIN)
    built = (
        builders.Dashboard("SoftCart operations")
        .uid("softcart-operations")
        .tags(["softcart"])
        .with_variable(source)
        .refresh("1m")
        .time("now-6h", "now")
    )
    for title, graphs in SECTIONS.items():
        built = built.with_row(builders.Row(title))
        for graph in graphs:
            built = built.with_panel(_panel(graph))
    return json.dumps(built.build(), cls=JSONEncoder, indent=2, sort_keys=True) + "\n"


def _panel(graph: Graph) -> Any:
    from grafana_foundation_sdk.builders import common, prometheus, timeseries  # noqa: PLC0415
    from grafana_foundation_sdk.builders.dashboard import ThresholdsConfig  # noqa: PLC0415
    from grafana_foundation_sdk.models.common import GraphThresholdsStyleMode  # noqa: PLC0415
    from grafana_foundation_sdk.models.dashboard import (  # noqa: PLC0415
        DataSourceRef,
        Threshold,
        ThresholdsMode,
    )

    panel = (
        timeseries.Panel()
        .title(graph.title)
        .datasource(DataSourceRef(type_val=PLUGIN, uid="${source}"))
        .with_target(prometheus.Dataquery().expr(graph.query).legend_format(graph.legend).ref_id("A"))
        .unit(graph.unit)
        .min(0)
        .height(8)
        .span(8)
    )
    if graph.threshold is None:
        return panel
    steps = [Threshold(color="green"), Threshold(value=graph.threshold, color="red")]
    return panel.thresholds(ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps)).thresholds_style(
        common.GraphThresholdsStyleConfig().mode(GraphThresholdsStyleMode.LINE)
    )
