"""The transactions that the mirror and the verification run in, on either side."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sync.connections.postgresql import postgresql_errors
from sync.targets.postgresql import sessions as postgresql_sessions

if TYPE_CHECKING:
    from sync.connections.psycopg import Connection, Cursor

# Both sides have to spell a value alike, whatever their databases and roles are set to. An empty search_path
# makes the catalogs' definitions qualified; just-in-time compilation costs more than these queries take.
SETTINGS = {
    **postgresql_sessions.SETTINGS,
    "search_path": "",
    "bytea_output": "hex",
    "lc_monetary": "C",
    "jit": "off",
}


@contextmanager
def transaction(connection: Connection, where: str, snapshot: bool = False) -> Iterator[Cursor]:
    """A transaction that commits at the end of the block and leaves no trace when the block raises.

    With `snapshot` it sees one moment of the database, which nobody's writes move. `where` begins the message
    of an error.
    """
    with postgresql_errors(where):
        connection.set_client_encoding("UTF8")
        with connection, connection.cursor() as cursor:
            if snapshot:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            cursor.execute(
                "SELECT set_config(name, wanted.value, true) FROM pg_settings"
                " JOIN unnest(%s, %s) AS wanted(name, value) USING (name)",
                [list(SETTINGS), list(SETTINGS.values())],
            )
            yield cursor
