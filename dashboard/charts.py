"""The kinds of charts, as Altair specifications: lines over months, bars from zero, all labelled directly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from dashboard.panel import MONTHS, Row, short
from dashboard.theme import LIGHT, SERIES

if TYPE_CHECKING:
    import altair as alt

NARROW, WIDE = 336, 720  # pixels; what a column of the page holds, and two of them
HEIGHT = 210
LABEL = 84  # pixels from the name of one colour to the next
BAR = 24  # pixels from one bar to the next
NAMES = 118  # pixels that the names beside bars take
VALUES = 46  # pixels that the values behind bars take


def bars(rows: Sequence[Row], width: int, name: str, value: str, colour: str = "blue") -> alt.TopLevelMixin:
    """A bar a row, in the rows' order, from zero to `value`; names at the left, values at the end."""
    import altair as alt

    amounts = [float(row[value]) for row in rows]
    base = chart(alt, _points(rows, name, value)).encode(
        y=alt.Y(
            "name:N",
            sort=[str(row[name]) for row in rows],
            axis=alt.Axis(labelLimit=NAMES - 8, labelColor=LIGHT["ink"], minExtent=NAMES, maxExtent=NAMES),
        ),
        x=alt.X("value:Q", axis=None, scale=alt.Scale(domain=[min(0.0, *amounts), max(0.0, *amounts) or 1])),
        tooltip=[alt.Tooltip("name:N", title=" "), alt.Tooltip("value:Q", title=" ", format=",.2f")],
    )
    text = base.mark_text(align="left", dx=5).encode(text="label:N")
    return alt.layer(
        base.mark_bar(color=LIGHT[colour], height=15),
        text.transform_filter("datum.value >= 0"),
        text.transform_filter("datum.value < 0").encode(x=alt.datum(0)),
    ).properties(width=width - NAMES - VALUES, height=BAR * len(rows))


def columns(rows: Sequence[Row], width: int, name: str, value: str) -> alt.TopLevelMixin:
    """An upright bar a row, in the rows' order, with its value above."""
    import altair as alt

    order = [str(row[name]) for row in rows]
    base = chart(alt, _points(rows, name, value)).encode(
        x=alt.X("name:N", sort=order, scale=alt.Scale(padding=0.35)),
        y=alt.Y("value:Q", axis=None, scale=alt.Scale(zero=True)),
        tooltip=[alt.Tooltip("name:N", title=" "), alt.Tooltip("value:Q", title=" ", format=",.2f")],
    )
    return alt.layer(base.mark_bar(), base.mark_text(dy=-8).encode(text="label:N")).properties(
        width=width - 10, height=HEIGHT - 30
    )


def months(rows: Sequence[Row], width: int, value: str, series: str | None = None) -> alt.TopLevelMixin:
    """Lines over January to December, one a value of `series` (at most four), its name at its end.

    `rows` have `month`; the last series is drawn in the first colour, those before it in grey. Where there is
    one series it needs no name.
    """
    import altair as alt

    names = [str(row[series]) if series else "" for row in rows]
    last = {
        name: max(row["month"] for row, its in zip(rows, names, strict=True) if its == name) for name in names
    }
    values = [
        {
            "month": MONTHS[row["month"] - 1],
            "value": float(row[value]),
            "series": name,
            "end": name if row["month"] == last[name] else "",
        }
        for row, name in zip(rows, names, strict=True)
    ]
    shades = [*[LIGHT["past"]] * (len(last) - 1), LIGHT[SERIES[0]]]
    base = chart(alt, values).encode(
        x=alt.X("month:O", sort=list(MONTHS), axis=_month_axis(alt, width)),
        y=alt.Y("value:Q", axis=amount_axis(alt), scale=alt.Scale(zero=True)),
        color=alt.Color("series:N", scale=alt.Scale(domain=list(last), range=shades)),
        tooltip=[
            alt.Tooltip("series:N", title=" "),
            alt.Tooltip("month:O", title=" "),
            alt.Tooltip("value:Q", title=" ", format=",.2f"),
        ],
    )
    lines = base.mark_line(point=alt.OverlayMarkDef(size=18))
    labels = [
        base.mark_text(align="left", dx=8, fontWeight="bold", **around)
        .transform_filter("datum.end != ''")
        .encode(text="end:N")
        # A line of another year may lead through the name of this one's.
        for around in ({"stroke": LIGHT["card"], "strokeWidth": 5}, {})
    ]
    return alt.layer(lines, *labels).properties(width=width - 84, height=HEIGHT - 26)


def days(rows: Sequence[Row], width: int, day: str, names: Sequence[str]) -> alt.TopLevelMixin:
    """Columns over the dates of `day`, one a row, in parts by the row's columns `names` (at most four), each
    part's name above in its colour."""
    import altair as alt

    values = [
        {"date": row[day].isoformat(), "value": row[name] or 0, "series": name}
        for row in rows
        for name in names
    ]
    shades = [LIGHT[name] for name in SERIES[: len(names)]]
    drawn: alt.Chart = chart(alt, values).encode(
        x=alt.X("date:T", timeUnit="utcyearmonthdate", axis=alt.Axis(format="%-d %b", tickCount=4)),
        y=alt.Y("sum(value):Q", axis=amount_axis(alt)),
        color=alt.Color("series:N", scale=alt.Scale(domain=list(names), range=shades)),
        tooltip=[
            alt.Tooltip("series:N", title=" "),
            alt.Tooltip("date:T", title=" ", timeUnit="utcyearmonthdate"),
            alt.Tooltip("sum(value):Q", title=" ", format=","),
        ],
    )
    labels = [
        chart(alt, [{"name": name}])
        .mark_text(align="left", fontWeight="bold", color=shade, x=LABEL * number, y=-12)
        .encode(text="name:N")
        for number, (name, shade) in enumerate(zip(names, shades, strict=True))
    ]
    return alt.layer(drawn.mark_bar(), *labels).properties(width=width - 50, height=HEIGHT - 26)


def _points(rows: Sequence[Row], name: str, value: str) -> list[dict[str, Any]]:
    return [{"name": str(row[name]), "value": float(row[value]), "label": short(row[value])} for row in rows]


def chart(alt: Any, values: list[dict[str, Any]]) -> Any:
    """A chart without marks over these rows."""
    return alt.Chart(alt.Data(values=values))


def amount_axis(alt: Any) -> Any:
    """Four round amounts in three figures at the most."""
    plain_zero = "datum.value == 0 ? '0' : datum.label"
    return alt.Axis(tickCount=4, format="~s", labelExpr=plain_zero, minExtent=36, maxExtent=36)


def _month_axis(alt: Any, width: int) -> Any:
    """Every month's name where there is room, else every other one's first letters."""
    expression = (
        "datum.label"
        if width > 500
        else "indexof(['Jan','Apr','Jul','Oct'], datum.label) >= 0 ? datum.label : ''"
    )
    return alt.Axis(labelExpr=expression)
