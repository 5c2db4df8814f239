"""What a PostgreSQL session of ours is set to, whatever its server, database and role prefer.

The list was made from https://www.postgresql.org/docs/current/runtime-config-client.html and its neighbours:
all that changes what a statement returns, how a value is written, or whether a long one is ended. The `lc_…`
are left alone: what an amount of money is worth depends on the one of its database.
"""

from __future__ import annotations

from collections.abc import Mapping

from psycopg2.extensions import connection as Connection

# An older server knows fewer of these. What a row-level security policy would hide is refused by name.
SETTINGS = {
    "TimeZone": "UTC",
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "postgres",
    "bytea_output": "hex",
    "xmlbinary": "base64",
    "xmloption": "content",
    "standard_conforming_strings": "on",
    "transform_null_equals": "off",
    "array_nulls": "on",
    "quote_all_identifiers": "off",
    "gin_fuzzy_search_limit": "0",
    "row_security": "off",
    "statement_timeout": "0",
    "transaction_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "idle_session_timeout": "0",
}
# A database or a role that is read-only by default is written to all the same, if it may be.
WRITING = {
    **SETTINGS,
    "default_transaction_isolation": "read committed",
    "default_transaction_read_only": "off",
    "default_transaction_deferrable": "off",
    "lock_timeout": "0",
}
# How PostgreSQL is to plan. What lies in memory or on a solid disk is read as fast in any order; by the
# default of random_page_cost, 4, a hundredth of a table's rows is looked for by reading all of it. A merge
# compares whole tables by a hash join, which the default memory would send to disk. To compile a query takes
# longer than to run it.
PLANNING = {"random_page_cost": "1.1", "work_mem": "64MB", "jit": "off"}


def apply(connection: Connection, settings: Mapping[str, str]) -> None:
    """Set those of the settings that the server knows, for the whole session of a connection in autocommit
    mode. What PostgreSQL brings is found before what others have given the same name."""
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        cursor.execute(
            "SELECT set_config(name, wanted.value, false) FROM pg_catalog.pg_settings"
            " JOIN unnest(%s, %s) AS wanted(name, value) USING (name)",
            (list(settings), list(settings.values())),
        )
        cursor.execute(
            "SELECT set_config('search_path', concat_ws(', ', 'pg_catalog', nullif(setting, '')), false)"
            " FROM pg_catalog.pg_settings WHERE name = 'search_path'"
        )
