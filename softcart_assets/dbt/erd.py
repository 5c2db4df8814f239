"""The entity-relationship diagram of the star, drawn from the models: `python -m softcart_assets.dbt.erd`.

Writes `docs/erd.svg`, for mermaid `docs/erd.mmd`, and for pgAdmin's ERD tool `docs/star.pgerd`. The same
models give the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from softcart_assets.dbt.graph import Column, ForeignKey, Model, Project, load_project
from softcart_assets.dbt.pgerd import pgerd

DOCS = Path(__file__).resolve().parents[2] / "docs"
SCHEMA = "star"

# Pixels.
ROW, HEADER, PADDING, CHARACTER = 22.0, 34.0, 14.0, 7.3
BADGE, BETWEEN, FOOT, GAP, MARGIN = 30.0, 26.0, 11.0, 150.0, 28.0
STYLE = """
text { font: 12px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; fill: #1e293b }
.name { font-weight: 700; font-size: 13px; fill: #fff }
.type { fill: #64748b; text-anchor: end }
.key { font-weight: 700 }
.badge { font-size: 10px; font-weight: 700; fill: #b45309 }
.paper { fill: #f8fafc }
.box { fill: #fff; stroke: #cbd5e1 }
.fact { fill: #1d4ed8 }
.dimension { fill: #475569 }
.rule { stroke: #f1f5f9 }
.link { fill: none; stroke: #64748b; stroke-width: 1.4 }
""".strip()


@dataclass(frozen=True)
class Box:
    """A table and its place in the picture."""

    model: Model
    x: float
    y: float

    @property
    def width(self) -> float:
        return box_width(self.model)

    @property
    def height(self) -> float:
        return box_height(self.model)

    def line(self, column: str) -> float:
        """The y of a column's middle."""
        names = [shown.name for shown in shown_columns(self.model)]
        return self.y + HEADER + ROW * (names.index(column) + 0.5)


def shown_columns(model: Model) -> list[Column]:
    """The columns without the platform's own."""
    return [column for column in model.columns if not column.is_bookkeeping]


def box_width(model: Model) -> float:
    longest = max(len(column.name) + len(column.type) for column in shown_columns(model))
    return BADGE + longest * CHARACTER + BETWEEN + 2 * PADDING


def box_height(model: Model) -> float:
    return HEADER + ROW * len(shown_columns(model))


def star_models(project: Project) -> tuple[list[Model], list[Model]]:
    """The facts (what refers to others) and the dimensions, each in the order of their names."""
    models = sorted(
        (model for model in project.models if model.schema == SCHEMA and model.is_tracked),
        key=lambda model: model.name,
    )
    return [model for model in models if model.foreign_keys], [
        model for model in models if not model.foreign_keys
    ]


def place(facts: Sequence[Model], dimensions: Sequence[Model]) -> list[Box]:
    """Facts in the middle, dimensions to both sides so that the sides are about equally high."""
    sides: tuple[list[Model], list[Model]] = ([], [])
    for model in sorted(dimensions, key=lambda model: (-box_height(model), model.name)):
        min(sides, key=stack_height).append(model)
    # In the order of the foreign keys, so that fewer lines cross.
    referred = [key.model for fact in facts for key in fact.foreign_keys]
    for side in sides:
        side.sort(key=lambda model: referred.index(model.name) if model.name in referred else len(referred))
    stacks = [sides[0], list(facts), sides[1]]
    height = max(map(stack_height, stacks))
    boxes: list[Box] = []
    x = MARGIN
    for stack in stacks:
        width = max(map(box_width, stack), default=0.0)
        y = MARGIN + (height - stack_height(stack)) / 2
        for model in stack:
            boxes.append(Box(model, x + (width - box_width(model)) / 2, y))
            y += box_height(model) + BETWEEN
        x += width + GAP
    return boxes


def stack_height(stack: Sequence[Model]) -> float:
    return sum(map(box_height, stack)) + BETWEEN * max(0, len(stack) - 1)


def svg(project: Project) -> str:
    boxes = place(*star_models(project))
    placed = {box.model.name: box for box in boxes}
    width = max(box.x + box.width for box in boxes) + MARGIN
    height = max(box.y + box.height for box in boxes) + MARGIN
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {width:g} {height:g}"'
        f' width="{width:g}" height="{height:g}">',
        "<title>The star schema: facts, dimensions and how they refer to each other</title>",
        f"<style>{STYLE}</style>",
        f'<rect class="paper" width="{width:g}" height="{height:g}" rx="8"/>',
    ]
    for box in boxes:
        for key in box.model.foreign_keys:
            lines += link(box, placed[key.model], key)
    for box in boxes:
        lines += table(box)
    return "\n".join([*lines, "</svg>", ""])


def link(child: Box, parent: Box, key: ForeignKey) -> Iterator[str]:
    """A line from the foreign key (a crow's foot: many) to the key that it refers to (a bar: one)."""
    leftwards = parent.x < child.x
    direction = -1 if leftwards else 1
    start = child.x if leftwards else child.x + child.width
    end = parent.x + parent.width if leftwards else parent.x
    y, to = child.line(key.columns[0]), parent.line(key.to_columns[0])
    foot, bar = start + direction * FOOT, end - direction * FOOT
    bend = direction * abs(end - start) / 2
    yield (
        f'<path class="link" d="M{foot:g} {y:g} C{foot + bend:g} {y:g} {bar - bend:g} {to:g} {bar:g} {to:g}'
        f" H{end:g} M{bar:g} {to - 6:g} V{to + 6:g} M{start:g} {y - 6:g} L{foot:g} {y:g} L{start:g} {y + 6:g}"
        f' M{start:g} {y:g} H{foot:g}"/>'
    )


def table(box: Box) -> Iterator[str]:
    model = box.model
    kind = "fact" if model.foreign_keys else "dimension"
    right = box.x + box.width
    bottom = box.y + box.height
    yield f"<g><title>{escape(model.description)}</title>"
    frame = f'x="{box.x:g}" y="{box.y:g}" width="{box.width:g}" height="{box.height:g}" rx="6"'
    yield f'<rect class="box" {frame}/>'
    yield (
        f'<path class="{kind}" d="M{box.x:g} {box.y + HEADER:g} V{box.y + 6:g} q0 -6 6 -6'
        f' H{right - 6:g} q6 0 6 6 V{box.y + HEADER:g} Z"/>'
    )
    yield f'<text class="name" x="{box.x + PADDING:g}" y="{box.y + 22:g}">{escape(model.name)}</text>'
    columns = shown_columns(model)
    for column in columns:
        y = box.line(column.name)
        badge = key_badge(model, column.name)
        if badge:
            yield f'<text class="badge" x="{box.x + PADDING:g}" y="{y + 4:g}">{badge}</text>'
        weight = ' class="key"' if badge == "PK" else ""
        yield (
            f'<text{weight} x="{box.x + PADDING + BADGE:g}" y="{y + 4:g}">{escape(column.name)}'
            f"<title>{escape(column.description)}</title></text>"
        )
        yield f'<text class="type" x="{right - PADDING:g}" y="{y + 4:g}">{escape(column.type)}</text>'
        if column is not columns[-1] and y + ROW / 2 < bottom:
            line = y + ROW / 2
            yield f'<path class="rule" d="M{box.x + 1:g} {line:g} H{right - 1:g}"/>'
    yield "</g>"


def key_badge(model: Model, column: str) -> str:
    if column in model.key:
        return "PK"
    return "FK" if any(column in key.columns for key in model.foreign_keys) else ""


def mermaid(project: Project) -> str:
    facts, dimensions = star_models(project)
    lines = ["erDiagram"]
    for model in facts:
        for key in model.foreign_keys:
            lines.append(f"    {model.name} }}o--|| {key.model} : {', '.join(key.columns)}")
    for model in (*facts, *dimensions):
        lines.append(f"    {model.name} {{")
        for column in shown_columns(model):
            # mermaid's types know no comma.
            type_name = column.type.partition("(")[0]
            badge = key_badge(model, column.name)
            description = column.description.replace('"', "'")
            lines.append(f'        {" ".join(filter(None, [type_name, column.name, badge]))} "{description}"')
        lines.append("    }")
    return "\n".join([*lines, ""])


def diagram(project: Project) -> str:
    """The file for pgAdmin's ERD tool, with the tables where the picture has them."""
    return pgerd([(box.model, box.x, box.y) for box in place(*star_models(project))])


def main() -> None:
    project = load_project()
    DOCS.mkdir(exist_ok=True)
    (DOCS / "erd.svg").write_text(svg(project), encoding="utf-8")
    (DOCS / "erd.mmd").write_text(mermaid(project), encoding="utf-8")
    (DOCS / "star.pgerd").write_text(diagram(project), encoding="utf-8")


if __name__ == "__main__":
    main()
