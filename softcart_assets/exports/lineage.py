"""`lineage.html`: each column's way from its source, for people whose Dagster does not draw it.

It is made of what the assets say of themselves: it needs no server, and the same graph gives the same page.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg

from exporting.storing import written
from softcart_assets.dbt.erd.picture import svg
from softcart_assets.dbt.graph import Project
from softcart_assets.exports.files import GROUP, exports_folder, file_metadata
from softcart_assets.metadata import OWNER

KEY = dg.AssetKey(["exports", "lineage"])
TEMPLATE = Path(__file__).with_name("lineage.html.j2")
Place = tuple[dg.AssetKey, str]
"""A column of an asset."""


@dataclass(frozen=True)
class ShownColumn:
    """A column; `origins` are those that it is made of, `sources` those at which the ways to it begin."""

    place: str
    name: str
    type: str
    description: str
    origins: tuple[str, ...]
    sources: tuple[str, ...]


@dataclass(frozen=True)
class ShownTable:
    """An asset that is a table."""

    name: str
    short: str
    group: str
    description: str
    columns: tuple[ShownColumn, ...]


def shown_tables(specs: Iterable[dg.AssetSpec]) -> list[ShownTable]:
    """The assets that say which columns they have, in the order of their keys."""
    described = {spec.key: spec for spec in specs if "dagster/column_schema" in spec.metadata}
    made_of = {
        (spec.key, column): [(dep.asset_key, dep.column_name) for dep in deps]
        for spec in described.values()
        if (lineage := spec.metadata.get("dagster/column_lineage"))
        for column, deps in lineage.deps_by_column.items()
    }
    return [_table(spec, made_of) for _, spec in sorted(described.items())]


def _table(spec: dg.AssetSpec, made_of: Mapping[Place, list[Place]]) -> ShownTable:
    return ShownTable(
        spec.key.to_user_string(),
        "/".join(spec.key.path[1:]),
        spec.group_name or "",
        spec.description or "",
        tuple(
            ShownColumn(
                _name((spec.key, column.name)),
                column.name,
                column.type,
                column.description or "",
                tuple(map(_name, made_of.get((spec.key, column.name), []))),
                tuple(map(_name, _sources((spec.key, column.name), made_of))),
            )
            for column in spec.metadata["dagster/column_schema"].columns
        ),
    )


def _sources(place: Place, made_of: Mapping[Place, list[Place]]) -> list[Place]:
    """Where the ways to a column begin, each once; nothing for a column that is a beginning itself."""
    found: dict[Place, None] = {}
    seen, waiting = {place}, list(made_of.get(place, []))
    while waiting:
        origin = waiting.pop(0)
        if origin in seen:
            continue
        seen.add(origin)
        before = made_of.get(origin)
        if before:
            waiting += before
        else:
            found[origin] = None
    return sorted(found)


def _name(place: Place) -> str:
    return f"{place[0].to_user_string()}.{place[1]}"


def page(specs: Iterable[dg.AssetSpec], project: Project) -> str:
    """The page as HTML."""
    from jinja2 import Environment

    groups: dict[str, list[ShownTable]] = {}
    tables = shown_tables(specs)
    for table in tables:
        groups.setdefault(table.group, []).append(table)
    known = {column.place for table in tables for column in table.columns}
    template = Environment(autoescape=True, trim_blocks=False).from_string(TEMPLATE.read_text())
    return template.render(groups=groups, known=known, picture=svg(project)) + "\n"


def build_lineage(specs: Iterable[dg.AssetSpec], project: Project) -> dg.AssetsDefinition:
    """The asset; `specs` are those of the whole graph."""
    shown = list(specs)

    @dg.asset(
        key=KEY,
        group_name=GROUP,
        owners=[OWNER],
        kinds={"html"},
        description=(
            "All tables with their columns and each column's way from its source, one HTML file that opens"
            " from disk without network."
        ),
    )
    def lineage() -> dg.MaterializeResult[Any]:
        path = exports_folder() / "lineage.html"
        text = page(shown, project)
        changed = not (path.is_file() and path.read_text(encoding="utf-8") == text)
        if changed:
            with written(path) as beside:
                beside.write_text(text, encoding="utf-8")
        tables = [spec for spec in shown if "dagster/column_schema" in spec.metadata]
        return dg.MaterializeResult(
            metadata={**file_metadata(path), "tables": len(tables), "changed": changed}
        )

    return lineage
