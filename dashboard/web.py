"""The panel on the web log: what people requested, by the device that they used."""

from __future__ import annotations

from collections.abc import Sequence

from dashboard.charts import days
from dashboard.panel import Kind, Panel, Row, Section, TableColumn

SHOWN = 31  # days
DEVICES = ("computer", "phone", "tablet")  # in the order of the scale's colours


def last_days(rows: Sequence[Row]) -> list[Row]:
    """The last days that have requests."""
    return list(rows[-SHOWN:])


def most_used(rows: Sequence[Row]) -> str:
    """What share of people's requests each device has."""
    total = sum(row["requests"] for row in rows)
    shares = [f"{name}s {sum(row[name] or 0 for row in rows) / total:.0%}" for name in DEVICES if total]
    return f"{total:,} requests of people: {', '.join(shares)}." if total else "Robots alone came."


PANELS = Section(
    "web",
    "Web traffic",
    (
        Panel(
            name="web_traffic",
            title="Requests by device and day, without robots",
            query="web_traffic",
            columns=(
                TableColumn("day", "Day", Kind.DATE),
                TableColumn("requests", "Requests", Kind.COUNT),
                TableColumn("robot_requests", "Of robots", Kind.COUNT),
                TableColumn("errors", "Errors", Kind.COUNT),
                TableColumn("phone", "Phone", Kind.COUNT),
                TableColumn("tablet", "Tablet", Kind.COUNT),
                TableColumn("computer", "Computer", Kind.COUNT),
            ),
            source="bi.web_traffic",
            prepare=last_days,
            draw=lambda rows, width: days(rows, width, "day", DEVICES),
            finding=most_used,
            empty="No web log was landed (accesslog.txt).",
            wide=True,
        ),
    ),
)
