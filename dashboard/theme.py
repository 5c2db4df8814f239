"""The dashboard's look: one scale of colours for light and dark, and how charts use it.

Charts are drawn once in the light colours; in the page each of these is a CSS variable, whose value follows
the reader's scheme. Blue, orange and green are of the set by Okabe and Ito (https://jfly.uni-koeln.de/color/),
which people with any kind of colour vision tell apart, darkened until they can be read as text on white
(4.5:1, WCAG 2.2, 1.4.3); greys of marks keep 3:1 (1.4.11).
"""

from __future__ import annotations

import re
from typing import Any

# What it is for: its value in light, in dark.
COLOURS = {
    "ink": ("#1b2430", "#e8ecf1"),
    "soft": ("#55606e", "#a7b2c0"),
    "line": ("#dfe3e8", "#2d3541"),
    "card": ("#ffffff", "#161b22"),
    "page": ("#f4f6f8", "#0d1117"),
    "blue": ("#0a62a9", "#62b0f0"),
    "orange": ("#a84b00", "#f0934a"),
    "green": ("#00705a", "#3fc4a3"),
    "violet": ("#8a3b78", "#d992c6"),
    "past": ("#838d99", "#7c8896"),
}
LIGHT = {name: light for name, (light, _) in COLOURS.items()}
SERIES = ("blue", "orange", "green", "violet")
FONT = "Liberation Sans, Arial, Helvetica, sans-serif"

CONFIG: dict[str, Any] = {
    # The marks are described as a whole, and the table beside each chart holds every value.
    "aria": False,
    "background": None,
    "font": FONT,
    "view": {"stroke": None},
    "axis": {
        "labelColor": LIGHT["soft"],
        "labelFontSize": 12,
        "title": None,
        "domainColor": LIGHT["line"],
        "tickColor": LIGHT["line"],
        "gridColor": LIGHT["line"],
        "ticks": False,
        "domain": False,
        "labelPadding": 6,
    },
    "axisX": {"grid": False, "labelAngle": 0},
    "text": {"color": LIGHT["ink"], "fontSize": 12, "font": FONT},
    "line": {"strokeWidth": 2.5, "color": LIGHT["blue"], "strokeJoin": "round", "strokeCap": "round"},
    "bar": {"color": LIGHT["blue"]},
    "legend": {"disable": True},
}


# What the page's stylesheet says once, and what only matters to a drawing that is hidden or clicked.
REPEATED = re.compile(
    r' (?:font-family|opacity|pointer-events|class|role|aria-[a-z]+|stroke-miterlimit)="[^"]*"'
    r'|<path[^>]* display="none"/>|<path[^>]* d="M0,0h0v0h0Z"[^>]*/>'
)
LONG_NUMBER = re.compile(r"(\d+\.\d{2})\d+")


def in_page(svg: str) -> str:
    """The drawing with each of the scale's colours replaced by its CSS variable, and without what every
    element repeats."""
    svg = LONG_NUMBER.sub(r"\1", REPEATED.sub("", svg))
    for name, colour in LIGHT.items():
        svg = svg.replace(f'"{colour}"', f'"var(--{name})"')
    return svg


def stylesheet_variables(scheme: int) -> str:
    """The CSS declarations of all colours; `scheme` is 0 for light and 1 for dark."""
    return " ".join(f"--{name}: {pair[scheme]};" for name, pair in COLOURS.items())
