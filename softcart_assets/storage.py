"""The tables of Dagster's storage: `python -m softcart_assets.storage` makes what a database lacks of them.

Dagster's processes and sensors' ticks would look for them whenever they begin, which takes longer than a
tick; `deploy/dagster.yaml` tells them that they are there.
"""

from __future__ import annotations

import os
import sys
from contextlib import closing

from sync.connections.postgresql import connect_postgresql
from sync.connections.urls import parse
from sync.errors import SyncError

VARIABLE = "SOFTCART_DAGSTER_URL"
LAST = "instigators"  # the last table that Dagster makes in an empty database


def lacks_tables(url: str) -> bool:
    """Whether Dagster's tables are yet to be made. Raises `SyncError` where the database lets nobody in."""
    with closing(connect_postgresql(url)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s) IS NULL", (LAST,))
        return cursor.fetchone() == (True,)


def make_tables(url: str) -> None:
    """Make what the database at `url` lacks.

    Raises:
        SyncError: it cannot be reached, or its user may not make tables.
    """
    from sqlalchemy.exc import DBAPIError  # noqa: PLC0415

    from softcart_assets.seams import create_storage  # noqa: PLC0415  (Dagster takes seconds to import)

    if not lacks_tables(url):
        return
    try:
        # SQLAlchemy knows no other name.
        create_storage(url.replace("postgres://", "postgresql://", 1))
    except DBAPIError as error:
        said = str(error.orig).partition("\n")[0]
        raise SyncError(
            f"the tables of Dagster's storage cannot be made in {parse(url)}: {said}; let its user make"
            f" some, or set {VARIABLE}"
        ) from error


def main() -> None:
    if not (url := os.environ.get(VARIABLE)):
        sys.exit(f"{VARIABLE} is not set: it names the PostgreSQL database for Dagster's storage")
    try:
        make_tables(url)
    except SyncError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
