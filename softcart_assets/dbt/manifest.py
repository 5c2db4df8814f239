"""Read the dbt project: its manifest, as dbt makes it without a database, as the plain data of `graph`."""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

from sqlglot.errors import SqlglotError

from softcart_assets.dbt.graph import OP, TRACKED, ForeignKey, Model, ModelColumn, Origin, Project, Test
from softcart_assets.dbt.lineage import Described, describe
from softcart_assets.dbt.runner import DEFAULT_TIMEZONE, DbtError, arguments, invoke
from softcart_assets.tables import TABLES as SYNCED
from sync.spec import Table

SINCE = ":since"  # stands for the watermark in a model's SQL, see sql/macros/tracked
BOOKKEEPING = {"_batch": "bigint", "_changed_at": "timestamptz", "_deleted": "boolean"}
FORMER = "__former"  # what is beside a table: see sql/macros/tracked/former.sql
SNAPSHOT = {
    "dbt_scd_id": "text",
    "dbt_updated_at": "timestamp",
    "dbt_valid_from": "timestamp",
    "dbt_valid_to": "timestamp",
}
EPHEMERAL = "ephemeral"
# By default a test fails by as many rows as its query returns.
COUNTED = {"fail_calc": "count(*)", "warn_if": "!= 0", "error_if": "!= 0", "limit": None}

Tables = dict[str, dict[str, dict[str, str]]]


def compute() -> Project:
    """What the project in `sql/` holds. Raises `DbtError` where it cannot be understood."""
    options = arguments(DEFAULT_TIMEZONE)
    # dbt's partial parsing forgets what is said of a singular test when only its neighbours changed.
    manifest = _compiled(invoke(["parse", "--no-partial-parse", *options]), options)
    built = _built(manifest)
    _refuse_one_name_for_two(built.values())
    tables = _tables(manifest)
    models = {
        unique_id: _model(built[unique_id], manifest, tables)
        for unique_id in _inputs_first(manifest)
        if unique_id in built
    }
    return Project(
        models=tuple(models[unique_id] for unique_id in built), tests=tuple(_tests(manifest, models))
    )


def _built(manifest: Any) -> dict[str, Any]:
    """What dbt makes in the database, by its unique_id."""
    return {
        unique_id: node
        for unique_id, node in sorted(manifest.nodes.items())
        if node.resource_type in ("model", "seed", "snapshot") and node.config.materialized != EPHEMERAL
    }


def _compiled(manifest: Any, options: list[str]) -> Any:
    """The manifest with the SQL of every model, but of one that cannot be had without a database."""
    # dbt puts the name of a table in the place of a constraint's ref, and cannot compile that model again.
    untouched = manifest.deepcopy()
    try:
        invoke(["compile", "--no-introspect", *options], manifest)
        return manifest
    except DbtError:
        pass  # it ends with the first model that fails, and one may lack its lineage
    compiling = ["compile", "--no-introspect", *options, "--select"]
    invoke([*compiling, f"config.materialized:{TRACKED}"], untouched)
    for node in _built(untouched).values():
        if node.config.materialized != TRACKED:
            with suppress(DbtError):
                invoke([*compiling, ".".join(node.fqn)], untouched)
    return untouched


def _refuse_one_name_for_two(nodes: Iterable[Any]) -> None:
    seen: dict[str, Any] = {}
    for node in nodes:
        other = seen.setdefault(node.alias, node)
        if other is not node:
            raise DbtError(
                f"{other.original_file_path} and {node.original_file_path} are both named {node.alias}:"
                f" give one of them another name or alias"
            )


def _inputs_first(manifest: Any) -> Iterable[str]:
    nodes = manifest.nodes
    graph = {
        unique_id: {name for name in node.depends_on.nodes if name in nodes}
        for unique_id, node in sorted(nodes.items())
        if hasattr(node.depends_on, "nodes")
    }
    return TopologicalSorter(graph | {name: set() for name in nodes if name not in graph}).static_order()


def _tables(manifest: Any) -> Tables:
    """The columns with their types of everything that a model may read, as far as they are declared."""
    tables: Tables = {}
    synced = {table.name: _synced(table) for table in SYNCED if table.target == "staging"}
    for source in manifest.sources.values():
        columns = {column.name: column.data_type or "unknown" for column in source.columns.values()}
        if source.schema in ("raw", "history"):
            columns = {**columns, **synced.get(source.identifier, {}), **BOOKKEEPING}
        tables.setdefault(source.schema, {})[source.identifier] = columns
    for node in manifest.nodes.values():
        if node.config.materialized == TRACKED and node.columns:  # one may read itself
            columns = {column.name: column.data_type for column in node.columns.values()}
            tables.setdefault(node.schema, {})[node.alias] = {**columns, **_further(node)}
    return tables


def _synced(table: Table) -> dict[str, str]:
    document = {table.document: "jsonb"} if table.document else {}
    return {**{column.name: column.type for column in table.columns}, **document}


def _further(node: Any) -> dict[str, str]:
    """The platform's own columns in a table that is tracked."""
    return {**dict.fromkeys(node.config.get("stamps") or {}, "bigint"), **BOOKKEEPING}


def _model(node: Any, manifest: Any, tables: Tables) -> Model:
    described = _described(node, tables)
    columns = tuple(_columns(node, described))
    known = tables.setdefault(node.schema, {})
    if node.alias not in known:
        further = _further(node) if node.config.materialized == TRACKED else {}
        known[node.alias] = {**{column.name: column.type or "unknown" for column in columns}, **further}
    return Model(
        unique_id=node.unique_id,
        selector=".".join(node.fqn),
        name=node.alias,
        schema=node.schema,
        description=_one_line(node.description) or _comment(node.raw_code),
        columns=columns,
        key=_key(node),
        foreign_keys=tuple(
            ForeignKey(tuple(constraint.columns), _table_name(constraint.to), tuple(constraint.to_columns))
            for constraint in _constraints(node)
            if constraint.type == "foreign_key" and constraint.to
        ),
        inputs=tuple(sorted(_inputs(node, manifest))),
        group_columns=tuple(node.config.meta.get("group_columns", ())),
        order_by=tuple(node.config.meta.get("order_by", ())),
        step=node.config.meta.get("step", OP),
        materialized=node.config.materialized,
        fingerprint=hashlib.sha256((getattr(node, "compiled_code", None) or "").encode()).hexdigest()[:12],
    )


def _key(node: Any) -> tuple[str, ...]:
    """The primary key: of the contract, or configured as `unique_key` of a model that is tracked."""
    for constraint in _constraints(node):
        if constraint.type == "primary_key":
            return tuple(constraint.columns)
    key = node.config.get("unique_key") if node.config.materialized == TRACKED else None
    return (key,) if isinstance(key, str) else tuple(key or ())


def _comment(sql: str) -> str:
    """What a query's first line says, where it is a comment."""
    first, *_ = sql.lstrip().splitlines() or [""]
    return first.removeprefix("--").strip() if first.startswith("--") else ""


def _constraints(node: Any) -> list[Any]:
    return list(getattr(node, "constraints", ()))


def _inputs(node: Any, manifest: Any) -> set[tuple[str, str]]:
    """The tables that a model reads, also by way of ephemeral models, which have none of their own."""
    found: set[tuple[str, str]] = set()
    for name in getattr(node.depends_on, "nodes", ()):
        upstream = manifest.sources.get(name) or manifest.nodes[name]
        if upstream.resource_type == "model" and upstream.config.materialized == EPHEMERAL:
            found |= _inputs(upstream, manifest)
        else:
            found.add((upstream.schema, upstream.identifier))
    return found


def _described(node: Any, tables: Tables) -> Described:
    """What the model's SQL says of its columns; nothing where that is not to be had."""
    if node.resource_type == "seed":
        return {name: ("", []) for name in _header(node)}
    if not node.compiled_code:
        return {}
    try:
        described = describe(node.compiled_code.replace(SINCE, "0"), node.database, tables)
    except SqlglotError:
        if node.config.materialized == TRACKED:
            raise
        return {}
    return {**described, **_of_snapshot(node)} if node.resource_type == "snapshot" else described


def _of_snapshot(node: Any) -> Described:
    renamed = node.config.snapshot_meta_column_names
    return {getattr(renamed, name, None) or name: (kind, []) for name, kind in SNAPSHOT.items()}


def _header(node: Any) -> list[str]:
    with (Path(node.root_path) / node.original_file_path).open(newline="", encoding="utf-8-sig") as file:
        return next(csv.reader(file, delimiter=node.config.delimiter or ","), [])


def _columns(node: Any, described: Described) -> Iterator[ModelColumn]:
    """The columns that are declared, and those that the SQL has besides."""
    declared = {column.name: column for column in node.columns.values()}
    is_whole = node.config.materialized == TRACKED and declared
    further = [] if is_whole else [name for name in described if name not in {*declared, "_deleted"}]
    for name in [*declared, *further]:
        inferred, origins = described.get(name, ("", []))
        column = declared.get(name)
        yield ModelColumn(
            name=name,
            type=(column and column.data_type) or inferred,
            description=_one_line(column.description) if column else "",
            origins=tuple(_shown(origins, (node.schema, node.alias))),
        )


def _shown(origins: Iterable[Origin], table: tuple[str, str]) -> list[Origin]:
    """Lineage for people: no former rows, of the table or beside its input, and no tombstones."""
    hidden, known = ("_batch", "_deleted"), (each for each in origins if not each[1].endswith(FORMER))
    return [origin for origin in known if origin[:2] != table and origin[2] not in hidden]


def _tests(manifest: Any, models: Mapping[str, Model]) -> Iterator[Test]:
    """The tests of what is built; one of a source alone has no step that could ask it."""
    taken: set[tuple[str, str]] = set()
    nodes = [node for _, node in sorted(manifest.nodes.items()) if node.resource_type == "test"]
    for node in [*nodes, *(node for _, node in sorted(manifest.unit_tests.items()))]:
        about = _model_of(node, models)
        if about is None:
            continue
        check = _check_name(node)
        if (about.name, check) in taken:
            check = _plain(node.name)
        taken.add((about.name, check))
        config = node.config
        yield Test(
            unique_id=node.unique_id,
            selector=".".join(node.fqn),
            name=node.name,
            check=check,
            model=about.name,
            description=_one_line(node.description or _macro_description(node, manifest)),
            is_blocking=getattr(config, "severity", "error").lower() == "error",
            # A unit test has none of these rules: it passes, or it does not.
            is_counted=node.resource_type == "unit_test"
            or all(getattr(config, name, None) == value for name, value in COUNTED.items()),
        )


def _model_of(node: Any, models: Mapping[str, Model]) -> Model | None:
    """The model that a test is about: what it is attached to, what its `meta` names, or of what it reads
    the one that reads the others."""
    attached = getattr(node, "attached_node", None)
    if attached:
        return models.get(attached)
    if named := node.config.meta.get("model"):
        return next((model for model in models.values() if model.name == named), None)
    read = [name for name in models if name in node.depends_on.nodes]
    return models[read[-1]] if read else None


def _check_name(node: Any) -> str:
    metadata = getattr(node, "test_metadata", None)
    if metadata is None:
        return _plain(node.name)
    return _plain(f"{metadata.name}_{node.column_name}" if node.column_name else metadata.name)


def _plain(name: str) -> str:
    """A name as Dagster takes it for a check."""
    return re.sub(r"\W", "_", name, flags=re.ASCII)


def _macro_description(node: Any, manifest: Any) -> str:
    metadata = getattr(node, "test_metadata", None)
    macro = metadata and manifest.macros.get(f"macro.{node.package_name}.test_{metadata.name}")
    return macro.description if macro else ""


def _table_name(relation: str) -> str:
    return relation.rpartition(".")[2].strip('"')


def _one_line(text: str) -> str:
    return " ".join(text.split())
