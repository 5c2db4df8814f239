"""A small chart and the first rows of a table, as Markdown that Dagster's UI shows beside an asset.

A chart is drawn once for the same figures and kept, since drawing costs a third of a second and the figures
are mostly those of the last run.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

from exporting.storing import written
from sync.connections.psycopg import sql

if TYPE_CHECKING:
    from sync.connections.psycopg import Connection

FIRST_ROWS = 8
MOST_POINTS = 60
MOST_BARS = 12
LONGEST_CELL = 60
WIDTH, HEIGHT = 420, 160
_MARKUP = frozenset("\\`*_[]<>|&#~!")


@dataclass(frozen=True)
class Picture:
    """How figures are drawn: as a line along time, or as bars."""

    title: str
    is_time: bool = False


@dataclass(frozen=True)
class Chart:
    """The sum of `y` by `x`, which are expressions over the report's columns: a line along time, or the
    longest bars.

    `where` picks the rows, of a report with several groupings those of one.
    """

    title: str
    x: str
    y: str
    is_time: bool = False
    where: str = "true"

    @property
    def picture(self) -> Picture:
        return Picture(self.title, self.is_time)


_MONTH = "make_date(year, month, 1)"
CHARTS = {
    "sales_by_year_country": Chart("Sales by country", "country", "total_sales"),
    "sales_by_month_category": Chart("Sales by month", _MONTH, "total_sales", is_time=True),
    "sales_by_quarter_country": Chart(
        "Sales by quarter", "make_date(year, quarter * 3 - 2, 1)", "total_sales", is_time=True
    ),
    "sales_by_category_country": Chart("Sales by category", "category", "total_sales"),
    "sales_grouping_sets": Chart("Sales by category", "category", "total_sales", where="level = 'category'"),
    "sales_rollup": Chart("Sales by year", "year::text", "total_sales", where="level = 'year'"),
    "sales_cube": Chart("Average sale by country", "country", "average_sales", where="level = 'country'"),
    "stock": Chart("Products below their reorder level", "category", "below_reorder_level::integer"),
    "hours": Chart("Requests by hour", "day + make_interval(hours => hour)", "requests", is_time=True),
    "pages": Chart("Pages by requests of people", "page", "requests"),
    "referers": Chart("Referers by requests of people", "referer", "requests"),
    "web_traffic": Chart("Requests by hour", "day + make_interval(hours => hour)", "requests", is_time=True),
    "web_pages": Chart("Pages by requests of people", "page", "requests"),
    "web_referers": Chart("Referers by requests of people", "referer", "requests"),
    "catalog_by_type": Chart("Documents by type", "type", "documents"),
    "catalog_by_screen_size": Chart(
        "Documents by screen size", "screen_size::text", "documents", where="screen_size IS NOT NULL"
    ),
}


def pictures(connection: Connection, schema: str, name: str, columns: Sequence[str]) -> dict[str, Any]:
    """Metadata with the first rows of a report, and with its chart where there is one for it and a figure
    to draw."""
    table = sql.Identifier(schema, name)
    shown = sql.SQL(", ").join(map(sql.Identifier, columns))
    with connection, connection.cursor() as cursor:
        cursor.execute(
            sql.SQL("SELECT {} FROM {} WHERE NOT _deleted ORDER BY {} LIMIT {}").format(
                shown, table, shown, sql.Literal(FIRST_ROWS)
            )
        )
        rows = cursor.fetchall()
        chart = CHARTS.get(name)
        if chart is None:
            return pictured(columns, rows)
        cursor.execute(_points(table, chart))
        return pictured(columns, rows, chart.picture, cursor.fetchall())


def pictured(
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    picture: Picture | None = None,
    points: Sequence[tuple[str, float]] = (),
) -> dict[str, Any]:
    """Metadata with these rows, and with a chart of the points where there are any."""
    found = {"first_rows": dg.MetadataValue.md(markdown(columns, rows))}
    if picture and points:
        found["chart"] = dg.MetadataValue.md(_image(picture, points))
    return found


def markdown(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A table in Markdown; what a cell holds is text in it and nothing else."""
    lines = [columns, ["---"] * len(columns), *([_cell(value) for value in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(value: Any) -> str:
    text = "" if value is None else " ".join(str(value).split())
    text = text if len(text) <= LONGEST_CELL else f"{text[:LONGEST_CELL]}…"
    # As entities, since a backslash would not keep HTML out.
    return "".join(f"&#{ord(character)};" if character in _MARKUP else character for character in text)


def _points(table: sql.Identifier, chart: Chart) -> sql.Composable:
    order = "2 DESC, 1" if not chart.is_time else "1 DESC"
    limit = MOST_POINTS if chart.is_time else MOST_BARS
    return sql.SQL(
        f"SELECT ({chart.x})::text, sum({chart.y})::double precision FROM {{}}"
        f" WHERE NOT _deleted AND ({chart.where}) AND ({chart.x}) IS NOT NULL AND ({chart.y}) IS NOT NULL"
        f" GROUP BY 1 ORDER BY {order} LIMIT {limit}"
    ).format(table)


def _image(chart: Picture, points: Sequence[tuple[str, float]]) -> str:
    spec = json.dumps(_specification(chart, points), sort_keys=True)
    home = Path(os.environ.get("SOFTCART_HOME") or ".softcart")
    path = home / "pictures" / f"{hashlib.sha256(spec.encode()).hexdigest()}.png"
    if not path.exists():
        import vl_convert

        with written(path) as beside:
            beside.write_bytes(vl_convert.vegalite_to_png(spec))
    return f"![{chart.title}](data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()})"


def _specification(chart: Picture, points: Sequence[tuple[str, float]]) -> dict[str, Any]:
    """The chart in Vega-Lite."""
    value = {"field": "y", "type": "quantitative", "title": None, "axis": {"format": "~s", "tickCount": 4}}
    if chart.is_time:
        mark: dict[str, Any] = {"type": "line", "color": "#1f6fb4"}
        encoding = {"x": {"field": "x", "type": "temporal", "title": None}, "y": value}
    else:
        mark = {"type": "bar", "color": "#1f6fb4"}
        names = {"field": "x", "type": "nominal", "sort": None, "title": None, "axis": {"labelLimit": 160}}
        encoding = {"y": names, "x": value}
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "title": {"text": chart.title, "anchor": "start", "fontSize": 12},
        "width": WIDTH,
        "height": HEIGHT if chart.is_time else {"step": 16},
        "background": "white",
        "data": {"values": [{"x": x, "y": y} for x, y in points]},
        "mark": mark,
        "encoding": encoding,
        "config": {"view": {"stroke": None}},
    }
