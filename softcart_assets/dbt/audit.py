"""Which build of a model passed its tests: dbt commits a model first and asks its tests afterwards.

The batch of that build is stored beside the model's watermark. Production and the exports refuse a model
whose watermark is another one, so that nobody reads a build that failed its checks, whoever asked for it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from softcart_assets.dbt.graph import Project
from sync.connections.postgresql import postgresql_errors
from sync.connections.psycopg import Connection, Cursor
from sync.warehouses.postgresql.audited import unaudited

STORE = """
    UPDATE sync.models SET audited_batch = batch
    FROM unnest(%s::text[], %s::bigint[]) AS passed (name, tested)
    WHERE model = name AND batch = tested AND audited_batch IS DISTINCT FROM batch
"""

BOUND = re.compile(r":audited\((\w+)/(\w+)\)")  # of sql/macros/audited.sql


def choose_tests(connection: Connection, whole: bool) -> None:
    """Let tests that are asked over this connection look at all rows, or at those that came since the tests
    of their model passed."""
    with postgresql_errors("staging"), connection, connection.cursor() as cursor:
        cursor.execute("SELECT set_config('softcart.tests', %s, false)", ("whole" if whole else "",))


def with_bounds(query: str, cursor: Cursor) -> str:
    """The query of a test with the batches from which on it looks."""
    for model, sized_by in sorted(set(BOUND.findall(query))):
        cursor.execute("SELECT sync.audited_batch(%s, %s)", (model, sized_by))
        ((batch,),) = cursor.fetchall()
        query = query.replace(f":audited({model}/{sized_by})", f"({batch})")
    return query


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
