"""Views over the mirrored tables: plain ones that a role of readers may read, and materialized ones.

Their definitions live in the platform. When one of them changed, all are made again, since they may stand on
each other. A materialized view is refreshed only when one of its inputs moved since: within the transaction
of rows where DDL may be, else after it; until then it is marked as stale in the same transaction as the rows.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from sync.warehouses.positions import StagingPosition
from sync.warehouses.schema import TableName

STALE = "stale"


@dataclass(frozen=True)
class View:
    """One view. `query` is its SELECT, every name in it qualified; `inputs` are the tables that it reads.

    With a `key`, columns that are unique in it, it is materialized; without, readers may read it.
    """

    name: TableName
    query: str
    comment: str
    inputs: tuple[TableName, ...] = ()
    key: tuple[str, ...] = ()

    @property
    def version(self) -> str:
        """A hash of everything that the view is made of."""
        text = json.dumps([self.query, self.comment, self.key])
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class ViewState:
    """What production has of a view that a pass before made.

    `exists` is False where somebody dropped it. `readable` says whether the role may read it, also where
    there is no such role. `inputs` are the positions of its inputs when it was made or refreshed.
    """

    exists: bool
    is_materialized: bool
    readable: bool
    version: str
    inputs: str
    rows: int


@dataclass(frozen=True)
class ViewResult:
    """What a pass did to a view; `rows` are those of a materialized one, 0 for a plain one."""

    name: TableName
    created: bool
    refreshed: bool
    rows: int


class MadeView(NamedTuple):
    """A view that was made or refreshed from `inputs`, and the rows of a materialized one."""

    view: View
    inputs: str
    rows: int


def same_definitions(views: Iterable[View], known: Mapping[TableName, ViewState]) -> bool:
    """Whether production has exactly these views, each as it is declared."""
    declared = {view.name: view.version for view in views}
    return declared == {name: view.version for name, view in known.items() if view.exists}


def is_current(view: View, known: ViewState, positions: Mapping[TableName, StagingPosition]) -> bool:
    """Whether a view that is there needs neither a refresh nor a grant."""
    return known.inputs == input_positions(view, positions) if view.key else known.readable


def is_stale(view: View, written: Collection[TableName]) -> bool:
    """Whether a view has to be refreshed since these tables were written to: a repair writes without a new
    position."""
    return bool(view.key) and not set(written).isdisjoint(view.inputs)


def input_positions(view: View, positions: Mapping[TableName, StagingPosition]) -> str:
    """The positions of a view's inputs as text."""
    return " ".join(f"{name}@{positions.get(name)}" for name in view.inputs)
