"""MySQL's and MariaDB's clock."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pymysql


def utc_now(connection: pymysql.Connection[Any]) -> datetime:
    """The server's clock."""
    now: datetime = row(connection, "SELECT UTC_TIMESTAMP(6)")[0]
    return now.replace(tzinfo=UTC)


def row(connection: pymysql.Connection[Any], statement: str) -> tuple[Any, ...]:
    """The first row of a statement, one NULL where there is none."""
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchone() or (None,)
