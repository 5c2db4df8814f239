"""The tables of Dagster's storage. Its processes and sensors' ticks would look for them whenever they begin,
which takes longer than a tick; dagster.yaml tells them that they are there."""

from __future__ import annotations

from contextlib import closing

from stack.home import StackError
from stack.server import Say
from sync.connections import connect_postgresql
from sync.errors import SyncError
from sync.urls import parse

LAST = "instigators"  # the last table that Dagster makes in an empty database


def make_tables(url: str, say: Say) -> None:
    """Make what the database at `url` lacks, or `say` that it cannot be reached: other commands may not need
    it.

    Raises:
        StackError: the user may not make them.
    """
    try:
        with closing(connect_postgresql(url)) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT to_regclass(%s) IS NULL", (LAST,))
            row = cursor.fetchone()
    except SyncError as error:
        say(f"Dagster's storage (SOFTCART_DAGSTER_URL) cannot be used, and may lack its tables: {error}")
        return
    if row and row[0]:
        from dagster_postgres import DagsterPostgresStorage  # noqa: PLC0415  (it takes a second, once)
        from sqlalchemy.exc import DBAPIError  # noqa: PLC0415

        try:
            DagsterPostgresStorage(url)
        except DBAPIError as error:
            said = str(error.orig).partition("\n")[0]
            raise StackError(
                f"the tables of Dagster's storage cannot be made in {parse(url)}: {said}; let its user make"
                f" some, or set SOFTCART_DAGSTER_URL"
            ) from error
