"""QUERY events: a statement, and as much of its session as is needed to read it.

https://dev.mysql.com/doc/dev/mysql-server/latest/classmysql_1_1binlog_1_1event_1_1Query__event.html,
https://mariadb.com/kb/en/query_event/
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from sync.sources.mysql.binlog.compression import mariadb_compressed
from sync.sources.mysql.binlog.events import HEADER_BYTES, Event

POST_HEADER = struct.Struct("<IIBHH")  # thread, seconds, the database's length, error, the variables' length
SQL_MODE, CHARSET = 1, 4  # codes of the status variables that say how to read the text
MODE_ANSI_QUOTES = 4
# Code of a status variable: how many bytes follow. Those after CHARSET are not needed.
FIXED_LENGTHS = {0: 4, SQL_MODE: 8, 3: 4, CHARSET: 6}
COUNTED = {2, 6}  # begin with their length; 2 (a catalog of old) ends with one more byte
LATIN1_COLLATIONS = {5, 8, 15, 31, 47, 48, 49, 94}


@dataclass(frozen=True)
class Query:
    """A statement, its default database, and whether its sql_mode took "…" for a name."""

    database: str
    text: str
    ansi_quotes: bool


def query(event: Event, compressed: bool = False, ahead: int = 0) -> Query:
    """`ahead` bytes stand between the fixed part of the event and the variable one."""
    data, start, end = event
    _, _, name_length, _, variables_length = POST_HEADER.unpack_from(data, start + HEADER_BYTES)
    variables = start + HEADER_BYTES + POST_HEADER.size + ahead
    name = variables + variables_length
    text = name + name_length + 1
    mode, charset = _session(data[variables:name])
    statement = data[text:end]
    return Query(
        data[name : name + name_length].decode(errors="replace"),
        (mariadb_compressed(statement) if compressed else statement).decode(charset, errors="replace"),
        bool(mode & MODE_ANSI_QUOTES),
    )


def _session(variables: bytes) -> tuple[int, str]:
    """The sql_mode and Python's name of the client's character set."""
    position, mode, charset = 0, 0, "utf-8"
    while position < len(variables):
        code, position = variables[position], position + 1
        if code in FIXED_LENGTHS:
            value = variables[position : position + FIXED_LENGTHS[code]]
            position += len(value)
            if code == SQL_MODE:
                mode = int.from_bytes(value, "little")
            elif code == CHARSET:
                latin1 = int.from_bytes(value[:2], "little") in LATIN1_COLLATIONS
                return mode, "cp1252" if latin1 else charset
        elif code in COUNTED:
            position += 1 + variables[position] + (code == 2)
        else:
            break
    return mode, charset
