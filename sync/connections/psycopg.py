"""psycopg2, PostgreSQL's driver, by the names that the project uses of it.

Nothing else imports it besides the modules beside this one, which connect: another driver would come in here.
"""

from __future__ import annotations

from psycopg2 import DataError, Error, InterfaceError, OperationalError, errors, sql
from psycopg2.extensions import TRANSACTION_STATUS_INTRANS, encodings
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import RealDictCursor, execute_values

__all__ = [
    "TRANSACTION_STATUS_INTRANS",
    "Connection",
    "Cursor",
    "DataError",
    "Error",
    "InterfaceError",
    "OperationalError",
    "RealDictCursor",
    "encodings",
    "errors",
    "execute_values",
    "sql",
]
