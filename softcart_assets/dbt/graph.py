"""What the dbt project holds, as plain data: models, columns with their lineage, keys and tests."""

from __future__ import annotations

from dataclasses import dataclass

OP = "dbt"  # the op of all models that do not name another one as their `step`
TRACKED = "tracked"  # the materialization of sql/macros/tracked
AGGREGATES = "aggregates"  # the schema of what only the reports read

Origin = tuple[str, str, str]
"""(schema, table, column)"""


@dataclass(frozen=True)
class ModelColumn:
    name: str
    type: str
    description: str
    origins: tuple[Origin, ...]

    @property
    def is_bookkeeping(self) -> bool:
        """Whether the column is the platform's own and left out of exports and of production."""
        return self.name.startswith("_")


@dataclass(frozen=True)
class ForeignKey:
    columns: tuple[str, ...]
    model: str
    to_columns: tuple[str, ...]


@dataclass(frozen=True)
class Model:
    """One table or view: a model, a seed or a snapshot of dbt's.

    `selector` is what dbt selects it by, `materialized` how dbt makes it; only what is `tracked` has a key.
    It reads `inputs`, each (schema, table); a report is grouped by `group_columns`, and its export is in the
    order of `order_by`, where a minus stands before what descends. `step` names the op that builds it,
    and `fingerprint` tells its SQL from another.
    """

    unique_id: str
    selector: str
    name: str
    schema: str
    description: str
    columns: tuple[ModelColumn, ...]
    key: tuple[str, ...]
    foreign_keys: tuple[ForeignKey, ...]
    inputs: tuple[tuple[str, str], ...]
    group_columns: tuple[str, ...]
    order_by: tuple[str, ...]
    step: str
    materialized: str = TRACKED
    fingerprint: str = ""

    @property
    def is_tracked(self) -> bool:
        """Whether its rows have batches and tombstones, by which others follow it."""
        return self.materialized == TRACKED

    @property
    def part(self) -> str:
        """The part of the graph that its step is for: `search` for `dbt_search`, empty for the star's."""
        return self.step.removeprefix(OP).lstrip("_")


@dataclass(frozen=True)
class Test:
    """One test. `selector` is what dbt selects it by, `check` its name beside its model.

    `is_counted` says that it fails if its query returns a row, and not by a rule of its own.
    """

    unique_id: str
    selector: str
    name: str
    check: str
    model: str
    description: str
    is_blocking: bool
    is_counted: bool = True


@dataclass(frozen=True)
class Project:
    models: tuple[Model, ...]
    tests: tuple[Test, ...]

    def model(self, name: str) -> Model:
        return next(model for model in self.models if model.name == name)
