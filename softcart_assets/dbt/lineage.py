"""Columns read from the SQL of a model: their types, and which columns of which tables each comes from."""

from __future__ import annotations

from collections.abc import Mapping

from sqlglot import exp, parse_one
from sqlglot.lineage import Node, lineage
from sqlglot.optimizer.annotate_types import annotate_types
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import build_scope

DIALECT = "postgres"

Tables = Mapping[str, Mapping[str, Mapping[str, str]]]
"""{schema: {table: {column: type}}}"""


Described = dict[str, tuple[str, list[tuple[str, str, str]]]]
"""{column: (type, [(schema, table, column), …])}"""

# What sqlglot calls otherwise than the server does.
TYPES = {"int": "integer", "decimal": "numeric", "varchar": "text", "double": "double precision"}
UNKNOWN = {"unknown", "null"}


def describe(sql: str, database: str, tables: Tables) -> Described:
    """The columns of a SELECT in their order, each with its type and where it comes from.

    Follows common table expressions, unions and windows down to `tables`; a column that is made of nothing
    but constants comes from nowhere, a type that cannot be told is empty. Raises
    `sqlglot.errors.SqlglotError` where the SQL cannot be understood.
    """
    known = {
        name: {table: dict(columns) for table, columns in held.items() if columns}
        for name, held in tables.items()
    }
    schema: dict[str, object] = {database: {name: held for name, held in known.items() if held}}
    query = qualify(
        parse_one(sql, dialect=DIALECT),
        schema=schema,
        dialect=DIALECT,
        identify=False,
        validate_qualify_columns=False,
    )
    scope = build_scope(query)
    nodes: dict[str, Node] = lineage(
        None, query, schema=schema, dialect=DIALECT, scope=scope, trim_selects=False
    )
    typed = annotate_types(query.copy(), schema=schema, dialect=DIALECT)
    selects = typed.selects if isinstance(typed, exp.Query) else []
    types = {column.alias_or_name: _type(column.type) for column in selects}
    return {
        name: (types.get(name, ""), sorted({origin for leaf in node.walk() for origin in _origin(leaf)}))
        for name, node in nodes.items()
    }


def _type(found: exp.DataType | None) -> str:
    name = found.sql(dialect=DIALECT).lower() if found else ""
    base, parenthesis, modifiers = name.partition("(")
    return "" if base in UNKNOWN else TYPES.get(base, base) + parenthesis + modifiers


def _origin(node: Node) -> list[tuple[str, str, str]]:
    """The table's column that a leaf stands for; inner nodes and constants stand for none."""
    if node.downstream or not isinstance(node.source, exp.Table):
        return []
    column = node.name.rpartition(".")[2].strip('"')
    return [(node.source.db, node.source.name, column)]
