"""The dashboard's file: each panel's drawing, its finding and its table, in one page without network."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from dashboard import theme
from dashboard.charts import NARROW, WIDE
from dashboard.headline import Tile, headline
from dashboard.panel import Panel, Row, Section, TableColumn, written
from dashboard.panels import SECTIONS
from dashboard.reading import Read, read_panel
from dashboard.tables import TableStatus

FOLDER = Path(__file__).parent
DIGEST = re.compile(rb'<meta name="data" content="([0-9a-f]{64})">')


@dataclass(frozen=True)
class Drawing:
    """A chart as it stands in the page: its SVG and its Vega-Lite specification as JSON."""

    size: str
    svg: str
    specification: str


@dataclass(frozen=True)
class Shown:
    """A panel with what it shows. `drawings` is empty where there is no data."""

    panel: Panel
    rows: Sequence[Row]
    drawings: Sequence[Drawing]

    @property
    def finding(self) -> str:
        """What the chart says, or why there is none."""
        return self.panel.finding(self.rows) if self.rows else self.panel.empty

    @property
    def cells(self) -> list[list[tuple[str, TableColumn]]]:
        """The table's rows, as text with each cell's column."""
        return [
            [(written(row[column.name], column.kind), column) for column in self.panel.columns]
            for row in self.rows
        ]


@dataclass(frozen=True)
class Contents:
    """All that the page will show, read but not drawn; `digest` stands for it and for how it is drawn."""

    tiles: Sequence[Tile]
    tables: Sequence[TableStatus]
    sections: Sequence[tuple[Section, Sequence[tuple[Panel, Sequence[Row]]]]]
    interactive: bool
    digest: str

    @property
    def empty(self) -> list[str]:
        """The names of the panels that have no data."""
        return [panel.name for _, panels in self.sections for panel, rows in panels if not rows]

    @property
    def rows(self) -> int:
        """How many rows the tables beside the charts hold."""
        return sum(len(rows) for _, panels in self.sections for _, rows in panels)

    def are_drawn_in(self, page: bytes) -> bool:
        """Whether this page was made from the same contents."""
        found = DIGEST.search(page[:4096])
        return found is not None and found[1].decode() == self.digest


def collect(
    read: Read,
    tables: Sequence[TableStatus] = (),
    interactive: bool = True,
    sections: Sequence[Section] = SECTIONS,
    absent: Collection[str] = (),
) -> Contents:
    """Read what is to be shown.

    `tables` are the platform's, with what is known of their rows. `interactive` puts Vega into the page, some
    850 KB, which draws the same charts with tooltips over the drawings once the page is open. `absent` are
    views that production does not have yet: their panels are without data.
    """
    contents = [
        (
            section,
            [
                (panel, [] if panel.source in absent else list(panel.prepare(read_panel(read, panel))))
                for panel in section.panels
            ],
        )
        for section in sections
    ]
    tiles = headline(read)
    shown = [tiles, tables, [[(panel.name, rows) for panel, rows in panels] for _, panels in contents]]
    return Contents(tiles, tables, contents, interactive, _digest(repr(shown), interactive))


def draw(contents: Contents) -> bytes:
    """The page; the same contents give the same bytes."""
    sections = [
        (section, [_show(panel, rows) for panel, rows in panels]) for section, panels in contents.sections
    ]
    page = _template().render(
        contents=contents,
        sections=sections,
        theme=theme,
        common={"palette": theme.LIGHT, "config": theme.CONFIG},
        style=(FOLDER / "page.css").read_text(),
        script=(FOLDER / "page.js").read_text() if contents.interactive else "",
        vega=vega() if contents.interactive else "",
    )
    return bytes(page.encode())


def _digest(shown: str, interactive: bool) -> str:
    """Changes with what is shown, with this package and with the libraries that draw."""
    code = b"".join(path.read_bytes() for path in sorted(FOLDER.iterdir()) if path.is_file())
    versions = " ".join(version(library) for library in ("altair", "vl-convert-python"))
    return hashlib.sha256(code + f"{versions} {interactive} {shown}".encode()).hexdigest()


def _show(panel: Panel, rows: Sequence[Row]) -> Shown:
    if not rows:
        return Shown(panel, rows, ())
    sizes = {"narrow": NARROW, "wide": WIDE} if panel.wide else {"narrow": NARROW}
    return Shown(panel, rows, [_drawing(panel, rows, size, width) for size, width in sizes.items()])


def _drawing(panel: Panel, rows: Sequence[Row], size: str, width: int) -> Drawing:
    import vl_convert

    specification = panel.draw(rows, width).to_dict()
    specification["padding"] = 0
    svg = theme.in_page(vl_convert.vegalite_to_svg({**specification, "config": theme.CONFIG}))
    return Drawing(size, _named(svg, panel.title), _in_script(specification))


def _named(svg: str, title: str) -> str:
    """The drawing as one image with a name; its size is the page's matter."""
    from markupsafe import escape  # noqa: PLC0415

    head, rest = svg.split(">", 1)
    box = re.search(r'viewBox="[^"]*"', head)
    width = re.search(r'width="([\d.]+)"', head)
    assert box and width, "vl-convert writes width and viewBox"
    label = f'role="img" aria-label="{escape(title)}; the values are in the table below"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {box[0]} {label} style="max-width:{width[1]}px">{rest}'


def _in_script(value: object) -> str:
    """JSON that no browser takes for the end of the script element that it stands in."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).replace("<", "\\u003c")


@lru_cache
def vega() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script."""
    import vl_convert

    bundle = vl_convert.javascript_bundle()  # type: ignore[call-arg]  # without a snippet, all of it
    return str(bundle).replace("</script", "<\\/script")


def _template() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html.j2")
