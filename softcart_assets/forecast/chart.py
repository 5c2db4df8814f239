"""The forecast as a picture in Dagster's UI: history, forecast and interval of the total and each
category."""

from __future__ import annotations

import base64
import json
import struct
import zlib
from typing import Any

from forecast.model import Forecast
from forecast.months import first_day, parse_period
from forecast.series import TOTAL, History

PNG = b"\x89PNG\r\n\x1a\n"
MAX_PANELS = 9
WIDTH, HEIGHT, COLUMNS = 200, 90, 3


def draw(history: History, forecast: Forecast, method: str) -> str:
    """Markdown with the picture in it, and in words what it shows."""
    import vl_convert

    png = deflated(vl_convert.vegalite_to_png(json.dumps(chart(history, forecast, method)), scale=1))
    shown = f"Sales by month: history, and forecast by {method} with its interval"
    return f"![{shown}](data:image/png;base64,{base64.b64encode(png).decode()})"


def deflated(png: bytes) -> bytes:
    """The same picture in a third of the bytes: vl-convert compresses for speed, and events keep it."""
    chunks, data, at = [], b"", len(PNG)
    while at < len(png):
        (size,) = struct.unpack(">I", png[at : at + 4])
        kind, content = png[at + 4 : at + 8], png[at + 8 : at + 8 + size]
        if kind == b"IDAT":
            data += content
        else:
            chunks.append((kind, content))
        at += size + 12
    chunks.insert(-1, (b"IDAT", zlib.compress(zlib.decompress(data), 9)))
    return PNG + b"".join(
        struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in chunks
    )


def chart(history: History, forecast: Forecast, method: str) -> dict[str, Any]:
    """The picture as Vega-Lite: the total first, then the categories with the most sales."""
    panel = history.panel.with_total()
    sums = dict(zip(panel.names, panel.values.sum(axis=1).tolist(), strict=True))
    names = [TOTAL, *sorted((name for name in sums if name != TOTAL), key=lambda name: -sums[name])][
        :MAX_PANELS
    ]
    known = [
        {"month": str(first_day(panel.first + month)), "series": name, "sales": float(value)}
        for name, row in zip(panel.names, panel.values, strict=True)
        if name in names
        for month, value in enumerate(row)
    ]
    to_come = [
        {
            "month": str(first_day(parse_period(row.period))),
            "series": row.category,
            "forecast": row.sales,
            "lower": row.lower,
            "upper": row.upper,
        }
        for row in forecast.rows
        if row.category in names
    ]
    month = {"field": "month", "type": "temporal", "title": None}
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "title": f"Monthly sales and their forecast by {method}",
        "data": {"values": known + to_come},
        "facet": {"field": "series", "type": "nominal", "title": None, "sort": names},
        "columns": COLUMNS,
        "resolve": {"scale": {"y": "independent"}},
        "spec": {
            "width": WIDTH,
            "height": HEIGHT,
            "encoding": {"x": month},
            "layer": [
                {"mark": {"type": "area", "opacity": 0.25}, "encoding": _interval()},
                {"mark": {"type": "line", "color": "#555"}, "encoding": {"y": _amount("sales")}},
                {"mark": {"type": "line"}, "encoding": {"y": _amount("forecast")}},
            ],
        },
        "config": {"axis": {"format": "~s"}, "axisX": {"format": "%Y"}},
    }


def _amount(field: str) -> dict[str, Any]:
    return {"field": field, "type": "quantitative", "title": None, "scale": {"zero": False}}


def _interval() -> dict[str, Any]:
    return {"y": _amount("lower"), "y2": {"field": "upper"}}
