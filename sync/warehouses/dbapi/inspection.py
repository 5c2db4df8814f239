"""What a pass finds in a warehouse behind DB-API."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sync.warehouses.contract import Inspection
from sync.warehouses.dbapi.dialect import Dialect
from sync.warehouses.dbapi.state import OwnTables
from sync.warehouses.schema import Schemas


def inspect(
    dialect: Dialect, connection: Any, own: OwnTables, wanted: Schemas, role: str | None
) -> Inspection:
    """What the warehouse has: its tables' schemas are those that they were given, as far as they are
    there."""
    actual, stored = {}, own.stored()
    for name, schema in own.definitions(stored).items():
        columns = dialect.exists(connection, dialect.table(name)) if name in wanted else None
        if columns is not None:
            kept = tuple(column for column in schema.columns if column.name in columns)
            actual[name] = replace(schema, columns=kept)
    cursor = connection.cursor()
    has_role = role is not None and dialect.role_exists(cursor, role)
    cursor.close()
    return Inspection(
        own.identity(),
        actual,
        own.states(stored),
        own.views(role, has_role, stored),
        has_role,
        own.rejected(),
    )
