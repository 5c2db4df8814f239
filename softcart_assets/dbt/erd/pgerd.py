"""The star as a diagram of pgAdmin's ERD tool, whose files end in `.pgerd`: open it there and go on drawing,
or let it generate the SQL.

The file is what the tool saves: the model of `@projectstorm/react-diagrams`, a layer of links and one of
nodes, with pgAdmin's own description of a table in each node. A link goes from the key that is referred to
(one) to the key that refers (many), from port to port. Ids are derived from names, so the same models give
the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from uuid import NAMESPACE_DNS, uuid5

from softcart_assets.dbt.erd.layout import place, star_models
from softcart_assets.dbt.graph import ForeignKey, Model, ModelColumn, Project

VERSION = 90_000  # of pgAdmin, as a number; the tool asks only that there is one
SHIFT = 60.0
# What pgAdmin calls otherwise than a model does.
TYPES = {"timestamptz": "timestamp with time zone", "timestamp": "timestamp without time zone"}

Placed = tuple[Model, float, float]
"""A table with the x and the y of its corner."""


def pgerd(project: Project) -> str:
    """The file, with the tables where the picture has them."""
    tables = [(box.model, box.x, box.y) for box in place(*star_models(project))]
    ports: dict[str, dict[str, Any]] = {}
    places = {model.name: (model, x, y) for model, x, y in tables}
    links = [
        _link(places[key.model], places[model.name], key, ports)
        for model, _, _ in tables
        for key in model.foreign_keys
    ]
    nodes = [_node(placed, ports) for placed in tables]
    layers = [_layer("links", links), _layer("nodes", nodes)]
    diagram = {"id": _id("star"), "offsetX": 0, "offsetY": 0, "zoom": 100, "gridSize": 15, "layers": layers}
    return json.dumps({"version": VERSION, "data": diagram}, indent=1) + "\n"


def _id(*parts: str) -> str:
    return str(uuid5(NAMESPACE_DNS, "/".join(("softcart", *parts))))


def _layer(kind: str, models: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": _id("layer", kind),
        "type": f"diagram-{kind}",
        "isSvg": kind == "links",
        "transformed": True,
        "models": {model["id"]: model for model in models},
    }


def _link(one: Placed, many: Placed, key: ForeignKey, ports: dict[str, dict[str, Any]]) -> dict[str, Any]:
    parent, child = one[0], many[0]
    name = _id("link", child.name, *key.columns)
    is_left = one[1] < many[1]
    source = _port(one, key.to_columns[0], "right" if is_left else "left", name, ports)
    target = _port(many, key.columns[0], "left" if is_left else "right", name, ports)
    return {
        "id": name,
        "type": "onetomany",
        "selected": False,
        "source": _id(parent.name),
        "sourcePort": source["id"],
        "target": _id(child.name),
        "targetPort": target["id"],
        "points": [
            {"id": _id("point", name, end), "type": "point", "x": port["x"], "y": port["y"]}
            for end, port in (("one", source), ("many", target))
        ],
        "labels": [],
        "width": 1,
        "color": "gray",
        "curvyness": 50,
        "selectedColor": "rgb(0,192,255)",
        "locked": True,
        "data": {
            "local_table_uid": _id(child.name),
            "local_column_attnum": _number(child, key.columns[0]),
            "referenced_table_uid": _id(parent.name),
            "referenced_column_attnum": _number(parent, key.to_columns[0]),
        },
    }


def _port(
    placed: Placed, column: str, side: str, link: str, ports: dict[str, dict[str, Any]]
) -> dict[str, Any]:
    model, x, y = placed
    name = f"coll-port-{_number(model, column)}-{side}"
    port = ports.setdefault(
        _id("port", model.name, name),
        {
            "id": _id("port", model.name, name),
            "type": "onetomany",
            "x": x,
            "y": y + SHIFT,
            "name": name,
            "alignment": side,
            "parentNode": _id(model.name),
            "links": [],
        },
    )
    port["links"].append(link)
    return port


def _node(placed: Placed, ports: dict[str, dict[str, Any]]) -> dict[str, Any]:
    model, x, y = placed
    return {
        "id": _id(model.name),
        "type": "table",
        "selected": False,
        "x": x,
        "y": y,
        "ports": [port for port in ports.values() if port["parentNode"] == _id(model.name)],
        "name": "Untitled",
        "color": "rgb(0,192,255)",
        "portsInOrder": [],
        "portsOutOrder": [],
        "otherInfo": {
            "data": _table(model),
            "note": "",
            "metadata": {"data_failed": False, "is_promise": False},
        },
    }


def _table(model: Model) -> dict[str, Any]:
    key = [{"column": name} for name in model.key]
    return {
        "name": model.name,
        "schema": model.schema,
        "description": model.description,
        "columns": [_column(model, column) for column in _columns(model)],
        "primary_key": [{"name": f"{model.name}_pkey", "columns": key, "include": []}] if key else [],
        "unique_constraint": [],
        "foreign_key": [_foreign_key(model, reference) for reference in model.foreign_keys],
    }


def _columns(model: Model) -> list[ModelColumn]:
    return [column for column in model.columns if not column.is_bookkeeping]


def _number(model: Model, column: str) -> int:
    return [shown.name for shown in _columns(model)].index(column)


def _column(model: Model, column: ModelColumn) -> dict[str, Any]:
    base, _, modifiers = column.type.partition("(")
    length, _, precision = modifiers.removesuffix(")").partition(",")
    return {
        "name": column.name,
        "attnum": _number(model, column.name),
        "description": column.description,
        "cltype": TYPES.get(base, base),
        "attlen": int(length) if length else None,
        "attprecision": int(precision) if precision else None,
        "attnotnull": column.name in model.key,
        "is_primary_key": column.name in model.key,
        "attidentity": "a",
        "colconstype": "n",
        "defval": None,
        "attoptions": [],
        "seclabels": [],
    }


def _foreign_key(model: Model, key: ForeignKey) -> dict[str, Any]:
    columns = [
        {
            "local_column": column,
            "referenced": referenced,
            "references": _id(key.model),
            "references_table_name": key.model,
        }
        for column, referenced in zip(key.columns, key.to_columns, strict=True)
    ]
    name = f"{model.name}_{'_'.join(key.columns)}_fkey"
    return {"name": name, "columns": columns, "confupdtype": "a", "confdeltype": "a", "autoindex": False}
