"""What staging remembers of each model, and whether a model is stale, which is decided here alone.

A model is stale if its table is gone, if it was built in another database or by another version of the
project, or if what it reads holds a later batch than its last build saw. All but the version is told by the
function `sync.model_state`. The materialization `tracked` asks it too, inside its own transaction: it alone
knows whether another version of the project is another version of this model.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version as package_version

from softcart_assets.dbt.graph import Model, Project
from softcart_assets.dbt.project import content_hash
from sync.connections.postgresql import postgresql_errors
from sync.connections.psycopg import Connection, Cursor

LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('softcart models', 0))"
TITLE = "One row a model: its watermark and what its last build wrote"

# Each statement may run again, also on what an earlier release has left.
LAYOUT = """
CREATE TABLE IF NOT EXISTS sync.models (
    model text PRIMARY KEY,
    batch bigint NOT NULL,
    identity uuid NOT NULL,
    fingerprint text NOT NULL,
    inserted bigint NOT NULL,
    updated bigint NOT NULL,
    deleted bigint NOT NULL,
    total bigint,
    built_at timestamptz NOT NULL
);
ALTER TABLE sync.models
    ADD COLUMN IF NOT EXISTS audited_batch bigint,
    ADD COLUMN IF NOT EXISTS version text,
    ADD COLUMN IF NOT EXISTS relation text,
    ALTER total DROP NOT NULL;
COMMENT ON COLUMN sync.models.audited_batch IS 'The watermark whose build passed all of its tests';
COMMENT ON COLUMN sync.models.version IS 'The version of the project that built it or left it alone';
COMMENT ON COLUMN sync.models.relation IS
    'The table or view, where its rows have no batches: the last build counts as a change of all of them';

CREATE TABLE IF NOT EXISTS sync.tests (
    test text PRIMARY KEY, version text NOT NULL, identity uuid NOT NULL, batches bigint[] NOT NULL
);
COMMENT ON TABLE sync.tests IS 'One row a test that passed: the newest batches of the tables that it read';

CREATE OR REPLACE FUNCTION sync.newest_batch(wanted regclass) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
DECLARE
    kind "char" := (SELECT relkind FROM pg_class WHERE oid = wanted);
    built bigint := (SELECT max(batch) FROM sync.models WHERE to_regclass(relation) = wanted);
    found bigint;
BEGIN
    IF kind = 'v' THEN
        SELECT max(sync.newest_batch(input)) INTO found
        FROM (
            SELECT DISTINCT depends.refobjid::regclass AS input
            FROM pg_rewrite AS rule
            JOIN pg_depend AS depends
                ON depends.classid = 'pg_rewrite'::regclass AND depends.objid = rule.oid
            WHERE rule.ev_class = wanted
                AND depends.refclassid = 'pg_class'::regclass AND depends.refobjid <> wanted
        ) AS inputs;
        RETURN greatest(built, found, 0);
    ELSIF built IS NOT NULL THEN
        RETURN built;
    ELSIF EXISTS (
        SELECT FROM pg_attribute WHERE attrelid = wanted AND attname = '_batch' AND NOT attisdropped
    ) THEN
        RETURN sync.table_batch(wanted);
    END IF;
    RETURN 9223372036854775807;
END $$;
COMMENT ON FUNCTION sync.newest_batch(regclass) IS
    'The batch that changed a table last, or what a view reads; above every other one where nothing tells';

CREATE OR REPLACE FUNCTION sync.audited_batch(wanted text, sized_by text) RETURNS bigint
LANGUAGE sql STABLE AS $$
    SELECT coalesce(max(CASE
        WHEN current_setting('softcart.tests', true) = 'whole' OR m.identity <> i.id
            OR coalesce(sized.total, 0) <= 250000 THEN -1
        ELSE m.audited_batch
    END), -1)
    FROM sync.models AS m
    JOIN sync.models AS sized ON sized.model = sized_by
    CROSS JOIN sync.identity AS i
    WHERE m.model = wanted
$$;
COMMENT ON FUNCTION sync.audited_batch(text, text) IS
    'Above it lies what tests have to look at: -1, so everything, of a small model or where somebody asks';

CREATE OR REPLACE FUNCTION sync.model_state(
    wanted text, its_table text, inputs text[],
    OUT is_present boolean, OUT is_known boolean, OUT is_behind boolean,
    OUT batch bigint, OUT total bigint, OUT identity uuid, OUT fingerprint text, OUT version text
) LANGUAGE plpgsql STABLE AS $$
DECLARE
    held sync.models;
    newest bigint := (SELECT max(sync.newest_batch(input::regclass)) FROM unnest(inputs) AS input);
BEGIN
    SELECT * INTO held FROM sync.models WHERE model = wanted;
    SELECT id INTO identity FROM sync.identity;
    is_present := to_regclass(its_table) IS NOT NULL;
    is_known := coalesce(is_present AND held.identity = identity, false);
    is_behind := NOT is_known OR coalesce(newest > held.batch, false);
    batch := held.batch;
    total := held.total;
    fingerprint := held.fingerprint;
    version := held.version;
END $$;
COMMENT ON FUNCTION sync.model_state(text, text, text[]) IS
    'is_known: built in this database, and there. is_behind: not so, or what it reads has changed since';
"""
MARK = f"{TITLE} ({hashlib.sha256(LAYOUT.encode()).hexdigest()[:12]})"
IS_PREPARED = "SELECT obj_description(to_regclass('sync.models'), 'pg_class') IS NOT DISTINCT FROM %s"
STATES = """
    SELECT wanted.model, state.is_behind OR state.version IS DISTINCT FROM %s
    FROM (VALUES {}) AS wanted (model, its_table, inputs),
        sync.model_state(wanted.model, wanted.its_table, wanted.inputs) AS state
"""
STORE_VERSION = """
    UPDATE sync.models SET version = %s WHERE model = ANY (%s) AND version IS DISTINCT FROM %s
"""


def prepare_models(connection: Connection) -> None:
    """Create what is missing of the models' state, and upgrade it in place; `sync` has to be there.

    Idempotent and safe when several callers run it at once.
    """
    with postgresql_errors("staging"), connection, connection.cursor() as cursor:
        if _is_prepared(cursor):
            return
        cursor.execute(LOCK)
        if not _is_prepared(cursor):
            cursor.execute(LAYOUT)
            cursor.execute("COMMENT ON TABLE sync.models IS %s", (MARK,))


def project_version(database: str, timezone: str) -> str:
    """Changes with everything that decides what dbt compiles; the calendar's end moves with the year."""
    parts = (content_hash(), package_version("dbt-core"), database, timezone, datetime.now(UTC).year)
    return " ".join(map(str, parts))


def built_models(connection: Connection, project: Project) -> list[Model]:
    """The models that were built before."""
    with postgresql_errors("staging"), connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('sync.models') IS NOT NULL")
        if cursor.fetchone() != (True,):
            return []
        cursor.execute("SELECT model FROM sync.models")
        names = {name for (name,) in cursor}
    return [model for model in project.models if model.name in names]


def stale_models(connection: Connection, models: Sequence[Model], version: str) -> list[Model]:
    """Those of these models that are stale for this version of the project; all of them where an earlier
    release kept the state."""
    if not models:
        return []
    with postgresql_errors("staging"), connection.cursor() as cursor:
        if not _is_prepared(cursor):
            return list(models)
        wanted: list[object] = []
        for model in models:
            inputs = [quoted(*table) for table in model.inputs]
            wanted += [model.name, quoted(model.schema, model.name), inputs]
        values = ", ".join(["(%s, %s, %s::text[])"] * len(models))
        cursor.execute(STATES.format(values), [version, *wanted])
        stale = {name for name, is_stale in cursor if is_stale}
    return [model for model in models if model.name in stale]


def store_version(connection: Connection, models: Sequence[str], version: str) -> None:
    """Remember that these models are as this version of the project says."""
    with postgresql_errors("staging"), connection.cursor() as cursor:
        cursor.execute(STORE_VERSION, (version, list(models), version))


def _is_prepared(cursor: Cursor) -> bool:
    cursor.execute(IS_PREPARED, (MARK,))
    return cursor.fetchone() == (True,)


def quoted(schema: str, table: str) -> str:
    """The name of a table as SQL has it."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in (schema, table))
