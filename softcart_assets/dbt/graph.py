"""What the dbt project holds, as plain data: models, columns with their lineage, keys and tests.

Computed once per version of the project, without a database, and kept as JSON, so that loading the
definitions costs one small file instead of importing dbt.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from softcart_assets.dbt.project import content_hash, replace_file, target_folder

SINCE = ":since"  # stands for the watermark in a model's SQL, see sql/macros/tracked
OP = "dbt"  # the op of all models that do not name another one as their `step`
BOOKKEEPING = {"_batch": "bigint", "_changed_at": "timestamptz", "_deleted": "boolean"}
CODE = [Path(__file__), Path(__file__).with_name("lineage.py")]

Origin = tuple[str, str, str]
"""(schema, table, column)"""


@dataclass(frozen=True)
class Column:
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
    """One table. It reads `inputs`, each (schema, table); a report is grouped by `group_columns`, and its
    export is in the order of `order_by`, where a minus stands before what descends. `step` names the op that
    builds it."""

    unique_id: str
    name: str
    schema: str
    description: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    foreign_keys: tuple[ForeignKey, ...]
    inputs: tuple[tuple[str, str], ...]
    group_columns: tuple[str, ...]
    order_by: tuple[str, ...]
    step: str

    @property
    def part(self) -> str:
        """The part of the graph that its step is for: `search` for `dbt_search`, empty for the star's."""
        return self.step.removeprefix(OP).lstrip("_")


@dataclass(frozen=True)
class Test:
    """One test. `name` is dbt's, `check` the short one that it has beside its model."""

    unique_id: str
    name: str
    check: str
    model: str
    description: str
    is_blocking: bool


@dataclass(frozen=True)
class Project:
    models: tuple[Model, ...]
    tests: tuple[Test, ...]

    def model(self, name: str) -> Model:
        return next(model for model in self.models if model.name == name)


def load_project() -> Project:
    """The project in `sql/`, from the file kept for this version of it, else computed and kept.

    Needs no database and no setting. Raises `DbtError` or `sqlglot.errors.SqlglotError` for a project that
    cannot be understood.
    """
    version = content_hash(*CODE)
    path = target_folder() / "graph.json"
    try:
        kept = json.loads(path.read_text())
    except (OSError, json.JSONDecodeError):
        kept = {}
    if kept.get("version") != version:
        kept = {"version": version, **asdict(_compute())}
        replace_file(path, json.dumps(kept))
    return _from_json(kept)


def _from_json(kept: Mapping[str, Any]) -> Project:
    def column(value: Mapping[str, Any]) -> Column:
        return Column(**{**value, "origins": tuple(tuple(origin) for origin in value["origins"])})

    def foreign_key(value: Mapping[str, Any]) -> ForeignKey:
        return ForeignKey(tuple(value["columns"]), value["model"], tuple(value["to_columns"]))

    def model(value: Mapping[str, Any]) -> Model:
        return Model(
            **{
                **value,
                "columns": tuple(map(column, value["columns"])),
                "key": tuple(value["key"]),
                "foreign_keys": tuple(map(foreign_key, value["foreign_keys"])),
                "inputs": tuple((schema, table) for schema, table in value["inputs"]),
                "group_columns": tuple(value["group_columns"]),
                "order_by": tuple(value["order_by"]),
            }
        )

    return Project(
        models=tuple(map(model, kept["models"])), tests=tuple(Test(**value) for value in kept["tests"])
    )


def _compute() -> Project:
    # What only the computation needs is imported here, so that the definitions load lean.
    from softcart_assets.dbt.runner import DEFAULT_TIMEZONE, arguments, invoke  # noqa: PLC0415

    options = arguments(DEFAULT_TIMEZONE)
    # dbt's partial parsing forgets what is said of a singular test when only its neighbours changed.
    manifest = invoke(["parse", "--no-partial-parse", *options])
    invoke(["compile", "--no-introspect", *options], manifest)
    nodes = [manifest.nodes[unique_id] for unique_id in sorted(manifest.nodes)]
    tables = _tables(manifest)
    return Project(
        models=tuple(_model(node, manifest, tables) for node in nodes if node.resource_type == "model"),
        tests=tuple(_test(node, manifest) for node in nodes if node.resource_type == "test"),
    )


def _tables(manifest: Any) -> dict[str, dict[str, dict[str, str]]]:
    """{schema: {table: {column: type}}} of everything that a model may read."""
    tables: dict[str, dict[str, dict[str, str]]] = {}
    for source in manifest.sources.values():
        columns = {column.name: column.data_type for column in source.columns.values()}
        tables.setdefault(source.schema, {})[source.identifier] = columns
    for node in manifest.nodes.values():
        if node.resource_type == "model":
            columns = {column.name: column.data_type for column in node.columns.values()}
            stamps = dict.fromkeys(node.config.get("stamps") or {}, "bigint")
            tables.setdefault(node.schema, {})[node.alias] = {**columns, **stamps, **BOOKKEEPING}
    return tables


def _model(node: Any, manifest: Any, tables: Mapping[str, Mapping[str, Mapping[str, str]]]) -> Model:
    from softcart_assets.dbt.lineage import column_lineage  # noqa: PLC0415

    origins = column_lineage(node.compiled_code.replace(SINCE, "0"), node.database, tables)
    upstream = [manifest.sources.get(name) or manifest.nodes[name] for name in node.depends_on.nodes]
    keys = [constraint for constraint in node.constraints if constraint.type == "primary_key"]
    return Model(
        unique_id=node.unique_id,
        name=node.name,
        schema=node.schema,
        description=_one_line(node.description),
        columns=tuple(
            Column(
                name=column.name,
                type=column.data_type,
                description=_one_line(column.description),
                origins=tuple(_shown(origins[column.name], (node.schema, node.alias))),
            )
            for column in node.columns.values()
        ),
        key=tuple(keys[0].columns),
        foreign_keys=tuple(
            ForeignKey(tuple(constraint.columns), _table_name(constraint.to), tuple(constraint.to_columns))
            for constraint in node.constraints
            if constraint.type == "foreign_key"
        ),
        inputs=tuple(sorted((table.schema, table.identifier) for table in upstream)),
        group_columns=tuple(node.config.meta.get("group_columns", ())),
        order_by=tuple(node.config.meta.get("order_by", ())),
        step=node.config.meta.get("step", OP),
    )


def _shown(origins: Iterable[Origin], table: tuple[str, str]) -> list[Origin]:
    """Lineage for people: neither the table's own former rows nor whether an input row is a tombstone."""
    return [origin for origin in origins if origin[:2] != table and origin[2] not in ("_batch", "_deleted")]


def _test(node: Any, manifest: Any) -> Test:
    metadata = getattr(node, "test_metadata", None)
    if metadata is None:
        check, model, description = node.name, node.config.meta["model"], node.description
    else:
        macro = manifest.macros.get(f"macro.{node.package_name}.test_{metadata.name}")
        check = f"{metadata.name}_{node.column_name}" if node.column_name else metadata.name
        model = manifest.nodes[node.attached_node].name
        description = node.description or (macro.description if macro else "")
    return Test(
        unique_id=node.unique_id,
        name=node.name,
        check=check,
        model=model,
        description=_one_line(description),
        is_blocking=node.config.severity.lower() == "error",
    )


def _table_name(relation: str) -> str:
    return relation.rpartition(".")[2].strip('"')


def _one_line(text: str) -> str:
    return " ".join(text.split())
