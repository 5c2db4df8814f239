"""Loads the dbt project as plain data.

It is computed once per version of the project, without a database, and kept as JSON, so that loading the
definitions costs one small file instead of importing dbt.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from softcart_assets.dbt.graph import ForeignKey, Model, ModelColumn, Project, Test
from softcart_assets.dbt.project import content_hash, replace_file, target_folder

CODE = [
    *(Path(__file__).with_name(name) for name in ("graph.py", "loading.py", "manifest.py", "lineage.py")),
    Path(__file__).parents[1] / "tables.py",
]


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
        # Imports dbt, and is needed once a version.
        from softcart_assets.dbt.manifest import compute  # noqa: PLC0415

        kept = {"version": version, **asdict(compute())}
        replace_file(path, json.dumps(kept))
    return _from_json(kept)


def _from_json(kept: Mapping[str, Any]) -> Project:
    def column(value: Mapping[str, Any]) -> ModelColumn:
        return ModelColumn(**{**value, "origins": tuple(tuple(origin) for origin in value["origins"])})

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
