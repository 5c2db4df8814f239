"""The parsed log counted: by day and hour, and its top pages and referers, into tables of staging."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sync.connections.postgresql import postgresql_errors
from sync.connections.psycopg import Connection, Cursor, execute_values, sql
from sync.spec import Column
from sync.state import next_batch
from weblog.parsing import MEMORY_LIMIT, UNKNOWN_DAY
from weblog.requests import Requests
from weblog.state import ensure_state

TOP = 100
"""How many pages and referers are kept."""


@dataclass(frozen=True)
class Counted:
    """A table of staging's schema `weblog`, which the readers of the log fill."""

    name: str
    description: str
    columns: tuple[Column, ...]


HOURS = Counted(
    "hours",
    "The web log by day and hour, as its lines have them; lines without a day are of none",
    (
        Column("day", "date", "Day of the request, in the log's own zone"),
        Column("hour", "integer", "Hour of the request, 0 to 23"),
        Column("requests", "bigint", "Lines of the log"),
        Column("robot_requests", "bigint", "Those of them that robots made"),
        Column("visitors", "bigint", "Addresses that are not robots'"),
        Column("robots", "bigint", "Addresses of robots"),
        Column("errors", "bigint", "Answers with a status of 400 or above"),
        Column("bytes", "bigint", "Bytes that were sent"),
        Column("phone", "bigint", "Requests from phones"),
        Column("tablet", "bigint", "Requests from tablets"),
        Column("computer", "bigint", "Requests from computers"),
        Column("unknown", "bigint", "Requests from devices that are unknown"),
    ),
)
_TOP_COLUMNS = (
    Column("requests", "bigint", "Requests of people"),
    Column("robot_requests", "bigint", "Requests of robots"),
    Column("visitors", "bigint", "Addresses that are not robots'"),
    Column("errors", "bigint", "Answers with a status of 400 or above"),
    Column("bytes", "bigint", "Bytes that were sent"),
)
PAGES = Counted(
    "pages",
    f"The {TOP} paths that people requested most",
    (
        Column("rank", "integer", "From 1 on; of two that were requested as often the first in byte order"),
        Column("page", "text", "Path without its query"),
        *_TOP_COLUMNS,
    ),
)
REFERERS = Counted(
    "referers",
    f"The {TOP} pages from which most people came",
    (
        Column("rank", "integer", "From 1 on; of two from which as many came the first in byte order"),
        Column("referer", "text", "Address of the page, without its query"),
        *_TOP_COLUMNS,
    ),
)
TABLES = (HOURS, PAGES, REFERERS)

_IS_ROBOT = "device = 'robot'"
_FIGURES = f"""
    count(*) FILTER (WHERE {_IS_ROBOT}), count(DISTINCT address) FILTER (WHERE {_IS_ROBOT} IS NOT TRUE),
    count(DISTINCT address) FILTER (WHERE {_IS_ROBOT}), count(*) FILTER (WHERE status >= 400),
    coalesce(sum(bytes), 0)::BIGINT, count(*) FILTER (WHERE device = 'phone'),
    count(*) FILTER (WHERE device = 'tablet'), count(*) FILTER (WHERE device = 'computer'),
    count(*) FILTER (WHERE device = 'unknown' OR device IS NULL)
"""
_HOURS = f"SELECT hour, count(*), {_FIGURES} FROM read_parquet($files) GROUP BY hour ORDER BY hour"
_TOP = f"""
SELECT row_number() OVER (ORDER BY people DESC, name)::INTEGER, *
FROM (
    SELECT {{name}} AS name, count(*) FILTER (WHERE {_IS_ROBOT} IS NOT TRUE) AS people,
        count(*) FILTER (WHERE {_IS_ROBOT}), count(DISTINCT address) FILTER (WHERE {_IS_ROBOT} IS NOT TRUE),
        count(*) FILTER (WHERE status >= 400), coalesce(sum(bytes), 0)::BIGINT
    FROM read_parquet($files)
    WHERE {{name}} IS NOT NULL
    GROUP BY 1
) AS counted
ORDER BY people DESC, name
LIMIT {TOP}
"""
_TOP_NAMES = {PAGES.name: "path", REFERERS.name: "split_part(referer, '?', 1)"}


def ensure_tables(staging: Connection) -> None:
    """Create the tables where they are missing, so that reports can be built on them without a log."""
    ensure_state(staging)
    with postgresql_errors("the tables of the web log"), staging, staging.cursor() as cursor:
        cursor.execute("SELECT to_regclass('weblog.referers') IS NULL")
        if cursor.fetchone() != (True,):
            return
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('softcart weblog', 0))")
        for table in TABLES:
            name = sql.Identifier("weblog", table.name)
            columns = [
                sql.SQL("{} {}").format(sql.Identifier(c.name), sql.SQL(c.type)) for c in table.columns
            ]
            cursor.execute(
                sql.SQL(
                    "CREATE TABLE IF NOT EXISTS {} ({}, _batch bigint NOT NULL,"
                    " _changed_at timestamptz NOT NULL DEFAULT now(),"
                    " _deleted boolean NOT NULL DEFAULT false)"
                ).format(name, sql.SQL(", ").join(columns))
            )
            cursor.execute(sql.SQL("COMMENT ON TABLE {} IS %s").format(name), (table.description,))
            for column in table.columns:
                target = sql.SQL("{}.{}").format(name, sql.Identifier(column.name))
                cursor.execute(sql.SQL("COMMENT ON COLUMN {} IS %s").format(target), (column.description,))


def count(staging: Connection, requests: Requests) -> list[str]:
    """Count the days that have new lines, and the top lists anew; with nothing new nothing is written.

    Returns the days that were counted. What is written and that it is counted commit together.
    """
    import duckdb

    ensure_tables(staging)
    days = [day for day, is_counted in requests.days().items() if not is_counted]
    if not days:
        return []
    with tempfile.TemporaryDirectory() as work:
        database = duckdb.connect(
            config={"memory_limit": MEMORY_LIMIT, "temp_directory": work, "threads": "2"}
        )

        database.execute("SET enable_progress_bar = false")

        def rows(query: str, files: Iterable[Path]) -> list[tuple[object, ...]]:
            names = [str(path) for path in files]
            return database.execute(query, {"files": names}).fetchall() if names else []

        hours = {day: rows(_HOURS, requests.parquet(day)) for day in days}
        tops = {table: rows(_TOP.format(name=name), requests.parquet()) for table, name in _TOP_NAMES.items()}
        database.close()
    with postgresql_errors("the tables of the web log"), staging, staging.cursor() as cursor:
        batch = next_batch(cursor)
        for day, counted in hours.items():
            dated = None if day == UNKNOWN_DAY else day
            cursor.execute("DELETE FROM weblog.hours WHERE day IS NOT DISTINCT FROM %s", (dated,))
            _insert(cursor, HOURS, [(dated, *row) for row in counted], batch)
        for table in (PAGES, REFERERS):
            cursor.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier("weblog", table.name)))
            _insert(cursor, table, tops[table.name], batch)
        empty = [day for day, counted in hours.items() if not counted]
        cursor.execute("DELETE FROM weblog.days WHERE day = ANY (%s)", (empty,))
        cursor.execute("UPDATE weblog.days SET is_counted = true WHERE day = ANY (%s)", (days,))
    return days


def rows_of(staging: Connection, table: Counted) -> int:
    """How many rows a table has."""
    with staging, staging.cursor() as cursor:
        cursor.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier("weblog", table.name)))
        [(rows,)] = cursor.fetchall()
    return int(rows)


def _insert(cursor: Cursor, table: Counted, rows: Sequence[tuple[object, ...]], batch: int) -> None:
    columns = sql.SQL(", ").join(sql.Identifier(column.name) for column in table.columns)
    statement = sql.SQL("INSERT INTO {} ({}, _batch) VALUES %s").format(
        sql.Identifier("weblog", table.name), columns
    )
    execute_values(cursor, statement, [(*row, batch) for row in rows])
