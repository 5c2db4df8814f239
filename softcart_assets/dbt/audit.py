"""Which build of a model passed its tests: dbt commits a model first and asks its tests afterwards.

The batch of that build is stored beside the model's watermark. Production and the exports refuse a model
whose watermark is another one, so that nobody reads a build that failed its checks, whoever asked for it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from softcart_assets.dbt.graph import Project
from sync.connections.postgresql import postgresql_errors
from sync.connections.psycopg import Connection
from sync.warehouses.postgresql.audited import unaudited

STORE = """
    UPDATE sync.models SET audited_batch = batch
    FROM unnest(%s::text[], %s::bigint[]) AS passed (name, tested)
    WHERE model = name AND batch = tested AND audited_batch IS DISTINCT FROM batch
"""


def read_watermarks(connection: Connection) -> dict[str, int]:
    """The batch of each model's last build."""
    with postgresql_errors("staging"), connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('sync.models') IS NOT NULL")
        if cursor.fetchone() != (True,):
            return {}
        cursor.execute("SELECT model, batch FROM sync.models")
        return dict(cursor.fetchall())


def store_audited(
    connection: Connection, project: Project, built: Mapping[str, int], passed: Collection[str]
) -> None:
    """Store that the builds `built`, batches by model, passed: those whose blocking tests are all among
    `passed`, ids of tests. One that was stored already is not written."""
    audited = {
        model.name: built[model.name]
        for model in project.models
        if model.name in built
        and all(
            test.unique_id in passed
            for test in project.tests
            if test.is_blocking and test.model == model.name
        )
    }
    with postgresql_errors("staging"), connection.cursor() as cursor:
        if audited and unaudited(cursor, audited):
            cursor.execute(STORE, (list(audited), list(audited.values())))
