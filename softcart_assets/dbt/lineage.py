"""Column lineage, read from the SQL: which columns of which tables each column of a model comes from."""

from __future__ import annotations

from collections.abc import Mapping

from sqlglot import exp, parse_one
from sqlglot.lineage import Node, lineage
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import build_scope

DIALECT = "postgres"

Tables = Mapping[str, Mapping[str, Mapping[str, str]]]
"""{schema: {table: {column: type}}}"""


def column_lineage(sql: str, database: str, tables: Tables) -> dict[str, list[tuple[str, str, str]]]:
    """{column: [(schema, table, column), …]} of a SELECT, in the order of its columns.

    Follows common table expressions, unions and windows down to `tables`; a column that is made of nothing
    but constants has an empty list. Raises `sqlglot.errors.SqlglotError` where the SQL cannot be understood.
    """
    schema: dict[str, object] = {database: {name: dict(columns) for name, columns in tables.items()}}
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
    return {
        name: sorted({origin for leaf in node.walk() for origin in _origin(leaf)})
        for name, node in nodes.items()
    }


def _origin(node: Node) -> list[tuple[str, str, str]]:
    """The table's column that a leaf stands for; inner nodes and constants stand for none."""
    if node.downstream or not isinstance(node.source, exp.Table):
        return []
    column = node.name.rpartition(".")[2].strip('"')
    return [(node.source.db, node.source.name, column)]
