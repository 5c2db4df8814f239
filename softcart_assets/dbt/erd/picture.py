"""The star's diagram as a Vega-Lite chart: boxes, their lines of text, and a line for each foreign key."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from softcart_assets.dbt.erd.layout import (
    BADGE,
    HEADER,
    MARGIN,
    PADDING,
    ROW,
    Box,
    key_badge,
    place,
    shown_columns,
    star_models,
)
from softcart_assets.dbt.graph import ForeignKey, Project

INK, FADED, BADGE_INK, FACT, DIMENSION = "#1e293b", "#64748b", "#b45309", "#1d4ed8", "#475569"
PAPER, FRAME, RULE = "#f8fafc", "#cbd5e1", "#f1f5f9"
FONT = "ui-monospace, SFMono-Regular, Menlo, Consolas, monospace"
TITLE = "The star schema: facts, dimensions and how they refer to each other"
BOLD = "datum.color === 'white' ? 'bold' : 'normal'"  # a table's name
FOOT, TOE = 11.0, 6.0  # the length of a crow's foot and half its width, in pixels
Row = dict[str, Any]


def svg(project: Project) -> str:
    """The picture of the facts, the dimensions and the keys between them."""
    import vl_convert

    return str(vl_convert.vegalite_to_svg(chart(place(*star_models(project))))) + "\n"


def chart(boxes: Sequence[Box]) -> dict[str, Any]:
    """The specification; x and y of its data are pixels, from the upper left corner."""
    placed = {box.model.name: box for box in boxes}
    links = [(box, placed[key.model], key) for box in boxes for key in box.model.foreign_keys]
    texts = [row for box in boxes for row in _texts(box)]
    width = max(box.right for box in boxes) + MARGIN
    height = max(box.bottom for box in boxes) + MARGIN
    color = {"color": {"field": "color", "scale": None}}
    marks: list[tuple[dict[str, Any], list[Row], dict[str, Any]]] = [
        ({"type": "rect", "fill": "white", "stroke": FRAME}, [_area(box, box.bottom) for box in boxes], {}),
        ({"type": "rect"}, [_area(box, box.y + HEADER) for box in boxes], color),
        ({"type": "rule", "stroke": RULE}, [rule for box in boxes for rule in _rules(box)], {}),
        (
            {"type": "line", "stroke": FADED, "strokeWidth": 1.4, "interpolate": "basis"},
            [point for link in links for point in _curve(*link)],
            {"detail": {"field": "link"}, "order": {"field": "step"}},
        ),
        (
            {"type": "rule", "stroke": FADED, "strokeWidth": 1.4},
            [end for link in links for end in _ends(*link)],
            {},
        ),
        *(
            (
                {"type": "text", "align": side, "fontWeight": {"expr": BOLD}},
                [row for row in texts if row["side"] == side],
                color,
            )
            for side in ("left", "right")
        ),
    ]
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "description": TITLE,
        "width": width,
        "height": height,
        "padding": 0,
        "background": PAPER,
        "config": {"view": {"stroke": None}, "text": {"font": FONT, "fontSize": 12, "baseline": "middle"}},
        "encoding": {
            "x": {"field": "x", "type": "quantitative", "scale": {"domain": [0, width]}, "axis": None},
            "y": {"field": "y", "type": "quantitative", "scale": {"domain": [height, 0]}, "axis": None},
        },
        "layer": [_layer(mark, rows, encoding) for mark, rows, encoding in marks],
    }


def _layer(mark: dict[str, Any], rows: Iterable[Row], encoding: dict[str, Any]) -> dict[str, Any]:
    encoding = dict(encoding)
    if mark["type"] in {"rect", "rule"}:
        encoding |= {"x2": {"field": "x2"}, "y2": {"field": "y2"}}
    if mark["type"] == "text":
        encoding |= {"text": {"field": "text"}}
    return {"mark": mark, "data": {"values": list(rows)}, "encoding": encoding}


def _area(box: Box, bottom: float) -> Row:
    color = FACT if box.model.foreign_keys else DIMENSION
    return {"x": box.x, "y": box.y, "x2": box.right, "y2": bottom, "color": color}


def _rules(box: Box) -> Iterator[Row]:
    """The lines between two columns."""
    for column in shown_columns(box.model)[1:]:
        y = box.line(column.name) - ROW / 2
        yield {"x": box.x + 1, "y": y, "x2": box.right - 1, "y2": y}


def _texts(box: Box) -> Iterator[Row]:
    left, right = box.x + PADDING, box.right - PADDING
    yield _text(left, box.y + HEADER / 2, box.model.name, "white")
    for column in shown_columns(box.model):
        y = box.line(column.name)
        yield _text(left, y, key_badge(box.model, column.name), BADGE_INK)
        yield _text(left + BADGE, y, column.name, INK)
        yield _text(right, y, column.type, FADED, "right")


def _text(x: float, y: float, text: str, color: str, side: str = "left") -> Row:
    return {"x": x, "y": y, "text": text, "color": color, "side": side}


def _between(child: Box, parent: Box, key: ForeignKey) -> tuple[float, float, float, float, int]:
    """Where a link begins and ends, and in which direction it leaves the child."""
    direction = -1 if parent.x < child.x else 1
    start, end = (child.x, parent.right) if direction < 0 else (child.right, parent.x)
    return start, child.line(key.columns[0]), end, parent.line(key.to_columns[0]), direction


def _curve(child: Box, parent: Box, key: ForeignKey) -> Iterator[Row]:
    x, y, x2, y2, direction = _between(child, parent, key)
    middle = (x + x2) / 2
    foot, bar = x + direction * FOOT, x2 - direction * FOOT
    corners = [(x, y), (foot, y), (middle, y), (middle, y2), (bar, y2), (x2, y2)]
    name = f"{child.model.name}.{key.columns[0]}"
    yield from (
        {"link": name, "step": step, "x": across, "y": down} for step, (across, down) in enumerate(corners)
    )


def _ends(child: Box, parent: Box, key: ForeignKey) -> Iterator[Row]:
    """A crow's foot where there are many, a bar where there is one."""
    x, y, x2, y2, direction = _between(child, parent, key)
    for toe in (-TOE, TOE):
        yield {"x": x + direction * FOOT, "y": y, "x2": x, "y2": y + toe}
    bar = x2 - direction * FOOT
    yield {"x": bar, "y": y2 - TOE, "x2": bar, "y2": y2 + TOE}
