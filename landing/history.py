"""Land the warehouse's history, which came as files, in staging's raw tables."""

from __future__ import annotations

from pathlib import Path

from landing.csv_reader import CsvReader
from landing.files import HISTORY_FILES
from landing.land import land
from landing.landing_file import find
from landing.postgres import SCHEMA, ensure_memory, field_definitions, forget, identifiers, is_missing
from landing.postgres_store import RawStore
from landing.result import LandingResult
from landing.spec import FileSpec
from sync.connections.postgresql import postgresql_errors
from sync.connections.psycopg import Connection, sql
from sync.spec import Column, Table
from sync.state import prepare
from sync.targets.postgresql.tables import plan_own


def ensure_history_tables(staging: Connection) -> None:
    """Create the raw tables of all history files, whether there are such files or not, so that the star can
    be built on them. A table that was dropped is landed anew, so its memory goes, too."""
    with postgresql_errors("raw tables of the landed history"):
        prepare(staging)
        ensure_memory(staging)
        with staging, staging.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('softcart landing', 0))")
            for spec in HISTORY_FILES:
                table = raw_table(spec)
                landed = sql.Identifier(SCHEMA, spec.table)
                if is_missing(cursor, sql.Identifier(table.schema, table.name)):
                    forget(cursor, spec.name)
                    cursor.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(landed))
                plan_own(cursor, table, table.columns).run(cursor)
                if is_missing(cursor, landed):
                    cursor.execute(
                        sql.SQL("CREATE TABLE {} ({}, PRIMARY KEY ({}))").format(
                            landed, sql.SQL(", ").join(field_definitions(spec)), identifiers(spec.key)
                        )
                    )


def raw_table(spec: FileSpec) -> Table:
    """A history file's table as the rest of the platform declares tables."""
    columns = tuple(Column(field.name, field.type.postgres, field.description) for field in spec.fields)
    return Table(
        spec.table,
        source="landing",
        database=spec.name,
        key=spec.key,
        columns=columns,
        description=spec.description,
    )


def land_history(
    spec: FileSpec, folder: Path | None, staging: Connection, max_rejected_share: float | None = None
) -> LandingResult:
    """Land one history file from `folder`, if it is there, in its raw table.

    Raises `LandingError` for a file that is something else, or of which more than `max_rejected_share` cannot
    be landed; then nothing was landed.
    """
    ensure_history_tables(staging)
    path = find(folder, spec.name)
    reader = CsvReader(spec, path) if path else None
    return land(spec, reader, RawStore(staging, spec), staging, max_rejected_share)
