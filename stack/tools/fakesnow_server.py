"""fakesnow's server, run by the Python of its own environment: ``fakesnow_server.py FOLDER --port=N``.

It keeps its databases in FOLDER, and completes what a client of Snowflake's would notice at once: a request
that is sent again is answered and not done again; who writes to a row that another transaction holds waits,
and a transaction that holds one and has long done nothing is rolled back (Snowflake: after five minutes).
MERGE leaves the transaction open that it is part of. REMOVE takes files of a stage away, and a schema takes
those of its stages along. SIGHUP ends all sessions, as an administrator may.
Statements of which fakesnow knows nothing and that change no row (grants, comments, keys, which Snowflake
does not enforce) are answered with success.
"""

from __future__ import annotations

import re
import signal
import sys
import time
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from shutil import rmtree
from typing import Any

import duckdb
import pyarrow as pa
import uvicorn
from fakesnow.instance import FakeSnow
from snowflake.connector import errors

IDLE_SECONDS = 1.0
WAIT_SECONDS = 20.0
POLL_SECONDS = 0.1
KEPT_ANSWERS = 1000
NOTHING_TO_DO = [
    r"\s*(GRANT|COMMENT ON|SHOW ROLES)\b",
    r"\s*ALTER TABLE .* ADD (PRIMARY KEY|CONSTRAINT .* FOREIGN KEY)\b",
    r"\s*ALTER TABLE .* DROP CONSTRAINT\b",
]
LOCKED, FAILED = 625, 100132
GONE = ("390111", "Session no longer exists. New login required to access the service.")
CANDIDATES = "merge_candidates"
REMOVE = re.compile(r"\s*REMOVE\s+@(?P<stage>\w+\.\w+)/(?P<path>\S+?)\s*", re.IGNORECASE)
DROP_SCHEMA = re.compile(r"\s*DROP SCHEMA (IF EXISTS )?\"?(?P<schema>\w+)\"?( CASCADE)?\s*", re.IGNORECASE)


def main() -> None:
    folder, port = Path(sys.argv[1]), int(sys.argv[2].removeprefix("--port="))
    complete()
    server: Any = import_module("fakesnow.server")
    server.shared_fs = FakeSnow(db_path=folder, nop_regexes=NOTHING_TO_DO)
    server.to_conn = session_of
    signal.signal(signal.SIGHUP, lambda number, frame: end_sessions())
    uvicorn.run(once(server.app), host="127.0.0.1", port=port, log_level="warning")


def complete() -> None:
    """Put our versions in the place of fakesnow's."""
    names = ("arrow", "copy_into", "cursor", "macros")
    modules: list[Any] = [import_module(f"fakesnow.{name}") for name in names]
    arrow, copy_into, cursor, macros = modules

    scripts, urls, execute = macros.creation_sql, copy_into._source_urls, cursor.FakeSnowflakeCursor.execute

    def creation_sql(catalog: str) -> str:
        # What SQLGlot makes of MD5_NUMBER_UPPER64, which is big endian and DuckDB's own is not.
        upper = "CAST('0x' || substr(md5(text), 1, 16) AS UBIGINT)"
        return f"{scripts(catalog)};CREATE OR REPLACE MACRO {catalog}.m_d5_number_upper64(text) AS {upper};"

    def source_urls(source: str, files: list[str]) -> list[str]:
        """Also of an internal stage, which is a folder."""
        if "://" in source:
            listed: list[str] = urls(source, files)
            return listed
        return [f"{source.rstrip('/')}/{file}" for file in files]

    def execute_or_wait(self: Any, command: str, *args: Any, **kwargs: Any) -> Any:
        if found := REMOVE.fullmatch(command):
            remove(f"{self._conn.database}.{found['stage'].upper()}", found["path"])
            command = "SELECT 'removed' AS result"
        done = Statement(self, command).run(lambda: execute(self, command, *args, **kwargs))
        if found := DROP_SCHEMA.fullmatch(command):
            remove_stages(self._conn.database, found["schema"].upper())
        return done

    def execute_part(self: Any, transformed: Any, *args: Any, **kwargs: Any) -> Any:
        """What a MERGE gathers first is a table here: to make one would commit what came before, and nobody
        asks for what is known of it."""
        if transformed.key != "create" or getattr(transformed.this, "name", "").lower() != CANDIDATES:
            return part(self, transformed, *args, **kwargs)
        for known in ("table_comment", "text_lengths"):
            transformed.args.pop(known, None)
        kept, self._conn._autocommit = self._conn._autocommit, True
        try:
            return part(self, transformed, *args, **kwargs)
        finally:
            self._conn._autocommit = kept

    def timestamps(values: Any) -> Any:
        """NULL is none of them, and not 1970."""
        made = structs(values)
        parts = [made.field(number).fill_null(0) for number in range(made.type.num_fields)]
        mask = values.combine_chunks().is_null() if hasattr(values, "combine_chunks") else values.is_null()
        return pa.StructArray.from_arrays(parts, fields=list(made.type), mask=mask)

    part = cursor.FakeSnowflakeCursor._execute
    structs, arrow.timestamp_to_sf_struct = arrow.timestamp_to_sf_struct, timestamps
    macros.creation_sql = creation_sql
    copy_into._source_urls = source_urls
    cursor.FakeSnowflakeCursor.execute = execute_or_wait
    cursor.FakeSnowflakeCursor._execute = execute_part


class Statement:
    """One statement of a session, with the errors and the waiting that Snowflake has."""

    def __init__(self, cursor: Any, command: str) -> None:
        self._connection = cursor._conn
        self._cursor = cursor
        self._command = command

    def run(self, execute: Any) -> Any:
        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            first = not self._connection._in_transaction
            self._connection.used_at = time.monotonic()
            try:
                return execute()
            except errors.Error:
                raise
            except duckdb.Error as error:
                text = str(error)
                locked = isinstance(error, duckdb.TransactionException) or "onflict" in text
                self._roll_back()
                if not (locked and first and time.monotonic() < deadline):
                    code, state = (LOCKED, "57014") if locked else (FAILED, "22000")
                    raise errors.ProgrammingError(msg=text, errno=code, sqlstate=state) from None
                end_idle(self._connection)
                time.sleep(POLL_SECONDS)
            finally:
                self._connection.used_at = time.monotonic()

    def _roll_back(self) -> None:
        with suppress(duckdb.Error):
            self._connection._duck_conn.rollback()
        self._connection._in_transaction = False


def remove(stage: str, path: str) -> None:
    """Take a file of an internal stage away."""
    Path(import_module("fakesnow.transforms.stage").internal_dir(stage, path)).unlink(missing_ok=True)


def remove_stages(database: str, schema: str) -> None:
    """Take the files of all internal stages of a schema away."""
    rmtree(
        Path(import_module("fakesnow.transforms.stage").LOCAL_BUCKET_PATH, database, schema),
        ignore_errors=True,
    )


def session_of(token: str) -> Any:
    """A session by its token; one that is gone is said to be, in Snowflake's words."""
    server: Any = import_module("fakesnow.server")
    if token not in server.sessions:
        raise server.ServerError(200, *GONE)
    return server.sessions[token]


def end_sessions() -> None:
    """Roll back what is open, and know nobody any more."""
    sessions: dict[str, Any] = import_module("fakesnow.server").sessions
    for token, session in list(sessions.items()):
        del sessions[token]
        if session._in_transaction:
            session._in_transaction = False
            session._duck_conn.rollback()


def end_idle(waiting: Any) -> None:
    """Roll back the transactions of other sessions that have done nothing for a while."""
    for other in list(import_module("fakesnow.server").sessions.values()):
        idle = time.monotonic() - getattr(other, "used_at", 0.0)
        if other is not waiting and other._in_transaction and idle > IDLE_SECONDS:
            other._in_transaction = False
            other._duck_conn.rollback()


def once(app: Any) -> Any:
    """The application, which answers a request that it has answered before with the same answer."""
    answers: dict[str, list[dict[str, Any]]] = {}

    async def answer(scope: dict[str, Any], receive: Any, send: Any) -> Any:
        found = re.search(rb"requestId=([0-9a-f-]+)", scope.get("query_string", b""))
        if scope["type"] != "http" or not scope["path"].endswith("/query-request") or not found:
            return await app(scope, receive, send)
        name, sent = found[1].decode(), []
        if name in answers:
            for message in answers[name]:
                await send(message)
            return None

        async def keep(message: dict[str, Any]) -> None:
            sent.append(message)
            if not message.get("more_body") and message["type"].endswith("body"):
                answers[name] = sent
                for old in list(answers)[:-KEPT_ANSWERS]:
                    del answers[old]
            await send(message)

        return await app(scope, receive, keep)

    return answer


if __name__ == "__main__":
    main()
