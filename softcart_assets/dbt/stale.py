"""Which models have not yet seen what their inputs hold, or were not tested since, asked without dbt."""

from __future__ import annotations

from collections.abc import Sequence

from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from softcart_assets.dbt.graph import Model, Project
from sync.connections.postgresql import postgresql_errors
from sync.warehouses.postgresql.audited import unaudited

NEWEST = "(SELECT coalesce(max(_batch), 0) FROM {})"


def built_models(connection: Connection, project: Project) -> list[Model]:
    """The models that were built before."""
    with postgresql_errors("staging"), connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('sync.models') IS NOT NULL")
        if cursor.fetchone() != (True,):
            return []
        cursor.execute("SELECT model FROM sync.models")
        names = {name for (name,) in cursor}
    return [model for model in project.models if model.name in names]


def stale_models(connection: Connection, models: Sequence[Model]) -> list[Model]:
    """Those of these models whose inputs hold a later batch than the model saw when it was built last, or
    whose last build did not pass its tests."""
    if not models:
        return []
    selects = [
        sql.SQL("SELECT {} FROM sync.models WHERE model = {} AND batch < greatest({})").format(
            sql.Literal(model.name),
            sql.Literal(model.name),
            sql.SQL(", ").join(sql.SQL(NEWEST).format(sql.Identifier(*table)) for table in model.inputs),
        )
        for model in models
    ]
    with postgresql_errors("staging"), connection.cursor() as cursor:
        cursor.execute(sql.SQL(" UNION ALL ").join(selects))
        names = {name for (name,) in cursor}
        names |= set(unaudited(cursor, [model.name for model in models]))
    return [model for model in models if model.name in names]
