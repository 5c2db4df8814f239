"""Restore an SQL dump into a MySQL database of its own.

The dump is always restored into a work database beside, so that one that breaks off has touched nothing, and
from there merged into the database in one transaction: the first time that inserts everything, later it is
the same three-way merge by key as a file's. The user who restores should reach no other database.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from pymysql.connections import Connection
from pymysql.cursors import Cursor

from landing.collations import known_collations, replace_unknown
from landing.dump_settings import begin_strict, keep_strict
from landing.dump_statements import statements_to_run
from landing.dump_tables import DumpedTable, dumped_tables, ensure_restored_table, merge_table
from landing.dump_tokens import Refused
from landing.landing_file import Memory, check_text, check_unchanged, content_hash, find, reader_version
from landing.mysql import quoted, transaction
from landing.mysql_memory import dropped_tables, ensure_memory, forget, remember, remembered
from landing.result import CONFLICT_KEYS_LISTED, LandingError, LandingResult, Merged
from sync.connections.mysql import mysql_errors
from sync.errors import TransientError

SALES_DUMP = "sales.sql"
LOCK_WAIT_SECONDS = 60

Connect = Callable[[], "Connection[Any]"]


def restore_dump(folder: Path | None, connect: Connect, name: str = SALES_DUMP) -> LandingResult:
    """Restore the dump from `folder`, if it is there, into the database that `connect` opens.

    Its user needs all rights on that database and on `<database>_restore`. Figures are rows of all tables.
    Raises `LandingError`, which names line and statement, for a dump that holds more than tables, that the
    server refuses, or whose tables no longer fit those in the database; then nothing was changed there.
    """
    started = time.monotonic()
    path = find(folder, name)
    with connect() as connection, mysql_errors(name):
        database = _database(connection)
        _ensure_memory(connection, name)
        if path is None:
            return LandingResult(name, database, present=False)
        content, version = content_hash(path), reader_version(database)
        memory = remembered(connection, name)
        work = f"{database}_restore"
        if memory is not None and (memory.content, memory.reader) == (content, version):
            _drop_leftover(connection, work)
            return replace(memory.outcome.repeated(), seconds=time.monotonic() - started)
        with _work_database(connection, work):
            _run_dump(path, connect, work)
            check_unchanged(path, content)
            tables = dumped_tables(connection, work, name)
            rows = sum(table.rows for table in tables)
            good = LandingResult(name, database, present=True, rows_in_file=rows, unchanged=rows)
            merged = _merge(connection, tables, Memory(content, version, good))
    return replace(good.merged(merged), seconds=time.monotonic() - started)


def _ensure_memory(connection: Connection[Any], file: str) -> None:
    with connection.cursor() as cursor:
        ensure_memory(cursor)
        for table in dropped_tables(cursor):
            forget(cursor, file, table)
    connection.commit()


def _database(connection: Connection[Any]) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT DATABASE()")
        row = cursor.fetchone()
    if not row or not row[0]:
        raise LandingError("SOFTCART_MYSQL_RESTORE_URL names no database to restore into")
    return str(row[0])


@contextmanager
def _work_database(connection: Connection[Any], name: str) -> Iterator[None]:
    """An empty database beside, this landing's alone. One that a killed landing left behind is replaced."""
    with connection.cursor() as cursor:
        if not _lock(cursor, name, LOCK_WAIT_SECONDS):
            raise TransientError(f"{name}: another restore is at work there and is not done yet")
        cursor.execute(f"DROP DATABASE IF EXISTS {quoted(name)}")
        cursor.execute(f"CREATE DATABASE {quoted(name)}")
        yield
        cursor.execute(f"DROP DATABASE {quoted(name)}")
        cursor.execute("SELECT RELEASE_LOCK(%s)", (name,))


def _drop_leftover(connection: Connection[Any], name: str) -> None:
    """Drop the work database of a landing that was killed after its last commit."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM information_schema.schemata WHERE schema_name = %s", (name,))
        if cursor.fetchone() and _lock(cursor, name, 0):
            cursor.execute(f"DROP DATABASE IF EXISTS {quoted(name)}")


def _lock(cursor: Cursor, name: str, seconds: int) -> bool:
    cursor.execute("SELECT GET_LOCK(%s, %s)", (name, seconds))
    return bool(cursor.fetchone() == (1,))


def _run_dump(path: Path, connect: Connect, database: str) -> None:
    """Run the dump in a session of its own, which its settings do not outlive."""
    check_text(path, "utf-8-sig")
    with connect() as session:
        session.select_db(database)
        known = known_collations(session)
        begin_strict(session)
        for statement in statements_to_run(path):
            where = f"{path.name}: line {statement.line}: {statement.shown!r}"
            with mysql_errors(where):
                session.query(statement.sql if statement.rows else replace_unknown(statement.sql, known))
                if statement.is_setting:
                    _keep_strict(session, where)
        session.commit()


def _keep_strict(session: Connection[Any], where: str) -> None:
    try:
        keep_strict(session)
    except Refused as error:
        raise LandingError(f"{where}: {error}") from None


def _merge(connection: Connection[Any], tables: list[DumpedTable], memory: Memory) -> Merged:
    with connection.cursor() as cursor:
        cursor.execute("SET SESSION foreign_key_checks = 0")
        for table in tables:
            ensure_restored_table(cursor, table, memory.outcome.file)
    with transaction(connection) as cursor:
        parts = [merge_table(cursor, table, memory.outcome.file) for table in tables]
        merged = _sum(tables, parts)
        remember(cursor, memory, merged)
    return merged


def _sum(tables: list[DumpedTable], parts: list[Merged]) -> Merged:
    keys = [
        f"{table.name}:{key}" for table, part in zip(tables, parts, strict=True) for key in part.conflict_keys
    ]
    return Merged(
        inserted=sum(part.inserted for part in parts),
        updated=sum(part.updated for part in parts),
        unchanged=sum(part.unchanged for part in parts),
        conflicts=sum(part.conflicts for part in parts),
        conflict_keys=tuple(keys[:CONFLICT_KEYS_LISTED]),
    )
