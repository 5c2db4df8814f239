"""VIRTUAL columns whose value is another one in each session.

Such a column is computed when it is read: from a TIMESTAMP it takes the session's time zone, and on MariaDB
it may ask for the clock or for the user. No log tells when that changes.
"""

from __future__ import annotations

import re
from typing import Any

import pymysql

from sync.errors import SyncError
from sync.sources.mysql.catalog import SourceTable, quote
from sync.spec import Table

UTC_ZONES = {"+00:00", "UTC", "Etc/UTC", "Zulu", "Universal", "UCT"}
# As both servers write an expression: functions in lower case with a parenthesis behind them.
QUOTED = re.compile(r"'(?:[^'\\]|\\.|'')*'|`(?:[^`]|``)*`")
IN_ITS_ZONE = re.compile(r"\b(?:from_unixtime|unix_timestamp)\s*\(|@@\w*time_zone", re.IGNORECASE)
CHANGING = re.compile(
    r"\b(?:now|sysdate|curdate|curtime|current_timestamp|current_date|current_time|localtime|localtimestamp"
    r"|utc_date|utc_time|utc_timestamp|rand|uuid|uuid_short|sys_guid|connection_id|user|system_user"
    r"|session_user|current_user|current_role|database|schema|last_insert_id|row_count|found_rows"
    r"|is_free_lock|is_used_lock|get_lock|random_bytes)\s*\(|\bunix_timestamp\s*\(\s*\)|@",
    re.IGNORECASE,
)


def refuse_session_values(
    connection: pymysql.Connection[Any], source: SourceTable, table: Table, names: set[str]
) -> None:
    """Raises `SyncError` with the way out where one of the columns `names` is VIRTUAL and shows this session
    another value than it may show the shop's own."""
    expressions = _virtual_columns(connection, source)
    if not expressions.keys() & names:
        return
    zone = _zone(connection)
    timestamps = {name for name, column in source.columns.items() if column.data_type == "timestamp"}
    for name in sorted(expressions.keys() & names):
        used = _all_used(name, expressions)
        bare = [QUOTED.sub(" ", expressions[each]) for each in used if each in expressions]
        if any(map(CHANGING.search, bare)):
            reason = "its value depends on the clock or the session that reads it, and changes in no log"
        elif zone not in UTC_ZONES and (used & timestamps or any(map(IN_ITS_ZONE.search, bare))):
            reason = (
                f"its value depends on the session's time zone, which is {zone} in the shop by default and"
                f" UTC here"
            )
        else:
            continue
        raise SyncError(
            f"{table.qualified}: column {name} of {source.database}.{source.name} is VIRTUAL, as"
            f" {expressions[name]}: {reason}. Leave it out (exclude, or --exclude {name}) and compute it from"
            f" what it is made of"
        )


def _virtual_columns(connection: pymysql.Connection[Any], source: SourceTable) -> dict[str, str]:
    """The expressions of VIRTUAL columns."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT column_name, generation_expression FROM information_schema.columns"
            " WHERE table_schema = %s AND table_name = %s AND extra LIKE '%%VIRTUAL GENERATED%%'",
            (source.database, source.name),
        )
        # MySQL writes \' for a quotation mark.
        return {str(name): str(text or "").replace("\\'", "'") for name, text in cursor.fetchall()}


def _all_used(name: str, expressions: dict[str, str]) -> set[str]:
    """The column and all that it is computed from, by way of other VIRTUAL columns, too."""
    used, waiting = set[str](), [name]
    names = {quote(each).lower(): each for each in expressions}
    while waiting:
        each = waiting.pop()
        if each in used:
            continue
        used.add(each)
        for quoted in re.findall(r"`(?:[^`]|``)*`", expressions.get(each, "")):
            waiting.append(names.get(quoted.lower(), quoted[1:-1].replace("``", "`")))
    return used


def _zone(connection: pymysql.Connection[Any]) -> str:
    """The time zone that the server's sessions begin with."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT IF(@@GLOBAL.time_zone = 'SYSTEM', @@system_time_zone, @@GLOBAL.time_zone)")
        row = cursor.fetchone()
    return str(row[0]) if row else ""
