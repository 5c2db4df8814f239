"""Where the tables of the star stand in a picture of it, in pixels from the upper left corner."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from softcart_assets.dbt.graph import Model, ModelColumn, Project

SCHEMA = "star"

ROW, HEADER, PADDING, CHARACTER = 22.0, 34.0, 14.0, 7.3
BADGE, BETWEEN, GAP, MARGIN = 30.0, 26.0, 150.0, 28.0


@dataclass(frozen=True)
class Box:
    """A table and its place in the picture."""

    model: Model
    x: float
    y: float

    @property
    def right(self) -> float:
        return self.x + box_width(self.model)

    @property
    def bottom(self) -> float:
        return self.y + box_height(self.model)

    def line(self, column: str) -> float:
        """The y of a column's middle."""
        names = [shown.name for shown in shown_columns(self.model)]
        return self.y + HEADER + ROW * (names.index(column) + 0.5)


def shown_columns(model: Model) -> list[ModelColumn]:
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


def key_badge(model: Model, column: str) -> str:
    """PK, FK or nothing."""
    if column in model.key:
        return "PK"
    return "FK" if any(column in key.columns for key in model.foreign_keys) else ""
