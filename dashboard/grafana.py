"""The same charts for Grafana: `make grafana` writes `deploy/grafana/<system>.json` from the same queries.

The data source is chosen when the file is imported into Grafana. `grafana-foundation-sdk` is a tool of the
development environment.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dashboard import grafana_operations
from dashboard.panel import Panel
from dashboard.panels import SECTIONS
from dashboard.reading import QUERIES

FOLDER = Path(__file__).parents[1] / "deploy" / "grafana"
SHOWN = 10
MONTH = "CAST(year AS varchar) || '-' || LPAD(CAST(month AS varchar), 2, '0')"


@dataclass(frozen=True)
class System:
    """A kind of data source of Grafana's: its plugin, and what its queries are called there."""

    name: str
    plugin: str
    statement: str
    format: str | int


SYSTEMS = (
    System("postgresql", "grafana-postgresql-datasource", "rawSql", "table"),
    System("redshift", "grafana-redshift-datasource", "rawSQL", 1),
)


@dataclass(frozen=True)
class Bars:
    """How a panel is asked for its bars: the SQL of a bar's name, its value, and the order of the rows."""

    name: str
    value: str
    order: str
    only: str = ""


BARS = {
    "sales_against_last_year": Bars(MONTH, "total_sales", "year DESC, month DESC LIMIT 24"),
    "sales_by_category": Bars("category", "total_sales", f"total_sales DESC LIMIT {SHOWN}"),
    "sales_by_country": Bars("country", "total_sales", f"total_sales DESC LIMIT {SHOWN}"),
    "top_products": Bars("product", "last_90_days", f"last_90_days DESC LIMIT {SHOWN}"),
    "falling_products": Bars("product", "moved", f"moved LIMIT {SHOWN}", only="moved < 0"),
    "sales_forecast": Bars("period", "sales", "period"),
    "stock": Bars("product", "days_left", f"days_left LIMIT {SHOWN}"),
    "returns": Bars(MONTH, "returned", "year DESC, month DESC LIMIT 24"),
    "web_traffic": Bars("CAST(day AS varchar)", "requests", "day DESC LIMIT 31"),
    "history_by_month": Bars(MONTH, "total_sales", "year, month"),
    "history_by_category": Bars("category", "total_sales", f"total_sales DESC LIMIT {SHOWN}"),
    "mobiles_by_quarter": Bars(
        "CAST(year AS varchar) || ' Q' || CAST(quarter AS varchar)", "total_sales", "year, quarter"
    ),
}


def statement(panel: Panel) -> str:
    """The panel's query as Grafana sends it; it gives the columns `name` and `value`.

    It is SQL that PostgreSQL and Redshift both take.
    """
    bars = BARS[panel.name]
    query = (QUERIES / f"{panel.query}.sql").read_text().strip()
    inner = query.rpartition("\nORDER BY")[0] or query
    only = f" WHERE {bars.only}" if bars.only else ""
    rows = f"SELECT {bars.name} AS name, {bars.value} AS value FROM ({inner}) AS panel{only}"
    return f"{rows} ORDER BY {bars.order}"


def specification(system: System) -> str:
    """The dashboard as JSON that Grafana imports."""
    from grafana_foundation_sdk.builders import dashboard as builders  # noqa: PLC0415
    from grafana_foundation_sdk.cog.encoder import JSONEncoder  # noqa: PLC0415

    source = builders.DatasourceVariable("source").label("Data source").type(system.plugin)
    built = (
        builders.Dashboard("SoftCart").uid(f"softcart-{system.name}").tags(["softcart"]).with_variable(source)
    )
    for section in SECTIONS:
        built = built.with_row(builders.Row(section.title))
        for panel in section.panels:
            built = built.with_panel(_panel(system, panel))
    return json.dumps(built.build(), cls=JSONEncoder, indent=2, sort_keys=True) + "\n"


def _panel(system: System, panel: Panel) -> Any:
    from grafana_foundation_sdk.builders import barchart  # noqa: PLC0415
    from grafana_foundation_sdk.models.common import VizOrientation  # noqa: PLC0415
    from grafana_foundation_sdk.models.dashboard import DataSourceRef  # noqa: PLC0415

    return (
        barchart.Panel()
        .title(panel.title)
        .description(f"Source: {panel.source}")
        .datasource(DataSourceRef(type_val=system.plugin, uid="${source}"))
        .with_target(_target(system, panel))
        .x_field("name")
        .orientation(VizOrientation.HORIZONTAL)
        .height(10)
        .span(24 if panel.wide else 8)
    )


def _target(system: System, panel: Panel) -> Any:
    from grafana_foundation_sdk.cog.builder import Builder  # noqa: PLC0415
    from grafana_foundation_sdk.cog.variants import Dataquery  # noqa: PLC0415

    class Target(Dataquery, Builder[Dataquery]):
        """A query as the data source's plugin wants it; the SDK knows neither of the two."""

        def build(self) -> Dataquery:
            return self

        def to_json(self) -> dict[str, object]:
            return {
                "refId": "A",
                "format": system.format,
                "rawQuery": True,
                system.statement: statement(panel),
                "datasource": {"type": system.plugin, "uid": "${source}"},
            }

    return Target()


def files() -> Iterator[tuple[Path, str]]:
    """Each file and what belongs in it."""
    for system in SYSTEMS:
        yield FOLDER / f"{system.name}.json", specification(system)
    yield FOLDER / "operations.json", grafana_operations.specification()


if __name__ == "__main__":
    for path, text in files():
        path.write_text(text)
