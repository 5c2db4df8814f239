"""The panel on the months to come."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dashboard.charts import HEIGHT, amount_axis, chart
from dashboard.panel import Kind, Panel, Row, Section, TableColumn, short
from dashboard.theme import LIGHT

if TYPE_CHECKING:
    import altair as alt


def band(rows: Sequence[Row], width: int) -> alt.TopLevelMixin:
    """The forecast as a line over `period`, within its interval."""
    import altair as alt

    values = [
        {"period": f"{row['period']}-01", **{name: float(row[name]) for name in ("sales", "lower", "upper")}}
        for row in rows
    ]
    money = [alt.Tooltip(f"{name}:Q", format=",.2f") for name in ("sales", "lower", "upper")]
    base = chart(alt, values).encode(
        x=alt.X("period:T", timeUnit="utcyearmonth", axis=alt.Axis(format="%b %Y", tickCount=width // 120)),
        y=alt.Y("sales:Q", axis=amount_axis(alt), scale=alt.Scale(zero=True)),
        tooltip=[alt.Tooltip("period:T", timeUnit="utcyearmonth", title=" "), *money],
    )
    interval = base.mark_area(color=LIGHT["blue"], fillOpacity=0.18).encode(y="lower:Q", y2="upper:Q")
    line = base.mark_line(point=alt.OverlayMarkDef(size=18))
    return alt.layer(interval, line).properties(width=width - 50, height=HEIGHT - 26)


def whole(rows: Sequence[Row]) -> str:
    """What is expected over all months, by which model."""
    first, last = rows[0], rows[-1]
    total = short(sum(row["sales"] for row in rows))
    return f"{first['period']} to {last['period']}: {total}, by the model {first['model']}."


PANELS = Section(
    "forecast",
    "Forecast",
    (
        Panel(
            name="sales_forecast",
            title="Sales of the months to come, with their interval",
            query="sales_forecast",
            columns=(
                TableColumn("period", "Month"),
                TableColumn("sales", "Sales", Kind.MONEY),
                TableColumn("lower", "From", Kind.MONEY),
                TableColumn("upper", "To", Kind.MONEY),
                TableColumn("model", "Model"),
            ),
            source="bi.sales_forecast",
            draw=band,
            finding=whole,
            empty="There is no forecast: the history is too short, or no model was promoted.",
            wide=True,
        ),
    ),
)
