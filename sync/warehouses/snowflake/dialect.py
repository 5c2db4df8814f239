"""How Snowflake says what the base for DB-API systems asks of it."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from functools import cached_property
from typing import Any

from sync.errors import SyncError
from sync.warehouses.changes import Completion, PrimaryKey
from sync.warehouses.contract import Capabilities, Hashing
from sync.warehouses.dbapi.dialect import Trouble
from sync.warehouses.dbapi.driver import load_driver
from sync.warehouses.dbapi.folding import FoldingDialect, folded
from sync.warehouses.fingerprint import Canonical
from sync.warehouses.schema import ColumnSchema, Index, TableName, TableSchema
from sync.warehouses.snowflake.load import load
from sync.warehouses.snowflake.types import TYPES
from sync.warehouses.snowflake.url import connect_arguments, options

CLUSTERING = "SOFTCART_SNOWFLAKE_CLUSTERING"
STAGE = "SYNC.SOFTCART_STAGE"
NAMES_AND_LITERALS = re.compile(r"'(?:[^'\\]|''|\\.)*'|\"([a-z_][a-z0-9_$]*)\"", re.DOTALL)
# Lost connections and sessions, locks and limits of time, cancelled queries, trouble inside of Snowflake.
TRANSIENT = {603, 604, 625, 630, 390111, 390114}
TRANSIENT_STATES = ("08", "40", "57")
COMPILER = "SQL compilation error"
FIRST_VALUE_ERROR, LAST_VALUE_ERROR = (
    100_000,
    100_199,
)  # conversions, lengths, ranges, what COPY finds in files


class SnowflakeDialect(FoldingDialect):
    """See `dbapi.dialect.Dialect`."""

    system = "snowflake"
    types = TYPES
    placeholder = "?"
    portion = 40_000
    has_primary_keys = False

    def __init__(self, url: str) -> None:
        self._url = url
        self._options = options(url)
        self.stage = self._options.get("stage")
        self._clustering = clustering(os.environ.get(CLUSTERING, ""))

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(materialized_views=self._has_dynamic_tables, hashing=Hashing.MD5)

    @property
    def _has_dynamic_tables(self) -> bool:
        return self._options.get("dynamic_tables", "").lower() in {"1", "true", "yes", "on"}

    @cached_property
    def _driver(self) -> Any:
        return load_driver("snowflake.connector", "Snowflake", "snowflake")

    def connect(self) -> Any:
        return self._driver.connect(**connect_arguments(self._url))

    @property
    def driver_error(self) -> type[Exception]:
        error: type[Exception] = self._driver.errors.Error
        return error

    def trouble(self, error: Exception) -> Trouble:
        code, state = getattr(error, "errno", None) or 0, getattr(error, "sqlstate", None) or ""
        errors = self._driver.errors
        lost = isinstance(error, (errors.OperationalError, errors.InterfaceError, errors.HttpError))
        if lost or code in TRANSIENT or state.startswith(TRANSIENT_STATES):
            return Trouble.TRANSIENT
        is_value = FIRST_VALUE_ERROR <= code <= LAST_VALUE_ERROR
        return Trouble.VALUE if is_value else Trouble.PERMANENT

    def is_there(self, error: Exception) -> bool:
        return self._is_of_compiler(error) and "already exists" in str(error)

    def is_gone(self, error: Exception) -> bool:
        return self._is_of_compiler(error) and "does not exist" in str(error)

    def _is_of_compiler(self, error: Exception) -> bool:
        """By its words: the numbers of these errors are nowhere listed."""
        return isinstance(error, self._driver.errors.ProgrammingError) and COMPILER in str(error)

    def insert(self, cursor: Any, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        load(cursor, self._placed(cursor), table, [self.quote(name) for name in columns], rows)

    def begin(self, connection: Any) -> None:
        """The stage comes first: within the transaction of rows, to make it would commit."""
        cursor = connection.cursor()
        self._placed(cursor)
        cursor.close()

    def _placed(self, cursor: Any) -> str:
        if self.stage is None:
            cursor.execute(f"CREATE STAGE IF NOT EXISTS {STAGE}")
            self.stage = STAGE
        return self.stage

    def role_exists(self, cursor: Any, role: str) -> bool:
        cursor.execute(f"SHOW ROLES LIKE {self.literal(role)}")
        names = [column[0].lower() for column in cursor.description]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        return any(row.get("name") == folded(role) for row in rows)

    # Names and literals.

    def literal(self, text: str | None) -> str:
        return super().literal(None if text is None else text.replace("\\", "\\\\"))

    def seconds_from_now(self, seconds: float) -> str:
        return f"DATEADD(MILLISECOND, {seconds * 1000:.0f}, SYSDATE())"

    # Definitions.

    def create_schema(self, schema: str) -> str | None:
        return f"CREATE SCHEMA IF NOT EXISTS {self.quote(schema)}"

    def create_work_table(self, table: str, columns: Sequence[tuple[str, str]]) -> str:
        # Without a history, which would be kept and paid for.
        return self.create_table(table, columns).replace("CREATE TABLE", "CREATE TRANSIENT TABLE", 1)

    def rename_table(self, table: TableName, to: str) -> str:
        # A bare name would move it into the session's schema.
        return f"ALTER TABLE {self.table(table)} RENAME TO {self.table(table._replace(table=to))}"

    def complete(self, schema: TableSchema, step: Completion) -> Sequence[str]:
        statements = super().complete(schema, step)
        columns = self._clustering.get(schema.name)
        if isinstance(step, PrimaryKey) and columns:
            listed = ", ".join(map(self.quote, columns))
            return [*statements, f"ALTER TABLE {self.table(schema.name)} CLUSTER BY ({listed})"]
        return statements

    def create_index(self, table: TableName, index: Index) -> Sequence[str]:
        return []

    def spoken(self, query: str) -> str:
        return NAMES_AND_LITERALS.sub(lambda found: f'"{found[1].upper()}"' if found[1] else found[0], query)

    def drop_materialized(self, name: str) -> str:
        return f"DROP {'DYNAMIC TABLE' if self._has_dynamic_tables else 'TABLE'} {name}"

    def create_materialized(self, name: str, query: str) -> str:
        # A materialized view of Snowflake's reads one table alone; a dynamic table may join.
        if not self._has_dynamic_tables:
            return f"CREATE TABLE {name} AS SELECT * FROM ({query}) AS q WHERE 1 = 0"
        if not (warehouse := self._options.get("warehouse")):
            raise SyncError("dynamic_tables needs a warehouse in the snowflake URL: add &warehouse=…")
        return (
            f"CREATE DYNAMIC TABLE {name} TARGET_LAG = DOWNSTREAM WAREHOUSE = {warehouse}"
            f" INITIALIZE = ON_CREATE AS {query}"
        )

    def refresh_materialized(self, name: str, query: str) -> Sequence[str]:
        if self._has_dynamic_tables:
            return [f"ALTER DYNAMIC TABLE {name} REFRESH"]
        return super().refresh_materialized(name, query)

    def grant(self, view: TableName, role: str) -> Sequence[str]:
        return [
            f"GRANT USAGE ON SCHEMA {self.quote(view.schema)} TO ROLE {self.quote(role)}",
            f"GRANT SELECT ON VIEW {self.table(view)} TO ROLE {self.quote(role)}",
        ]

    # Rows.

    def differs(self, column: ColumnSchema, one: str, other: str) -> str:
        if column.type == "jsonb":
            one, other = f"TO_JSON({one})", f"TO_JSON({other})"
        return super().differs(column, one, other)

    def delete(self, table: str, source: str, key: Sequence[str]) -> str:
        matches = " AND ".join(f"{table}.{self.quote(name)} = i.{self.quote(name)}" for name in key)
        return f"DELETE FROM {table} USING {source} AS i WHERE {matches}"

    # Hashes.

    def canonical_text(self, form: Canonical, value: str) -> str:
        if form is Canonical.MICROSECONDS:
            return f"CAST(DATE_PART(EPOCH_MICROSECOND, {value}) AS VARCHAR)"
        return super().canonical_text(form, value)

    def length_prefixed(self, text: str) -> str:
        return f"COALESCE(CAST(LENGTH(TO_BINARY({text}, 'UTF-8')) AS VARCHAR) || ':' || {text}, '-')"

    def hash_of(self, text: str) -> str:
        return f"BITSHIFTRIGHT(MD5_NUMBER_UPPER64({text}), 4)"


def clustering(setting: str) -> dict[TableName, tuple[str, ...]]:
    """Clustering keys by table, from `star.fact_sales=date_key,country_key;…`.

    Raises `SyncError` for a setting of another form.
    """
    found = {}
    for part in filter(None, map(str.strip, setting.split(";"))):
        table, equals, columns = part.partition("=")
        names = tuple(name.strip() for name in columns.split(",") if name.strip())
        if table.count(".") != 1 or not equals or not names:
            raise SyncError(f"{CLUSTERING}: {part!r} is not of the form schema.table=column,column")
        found[TableName(*table.strip().split("."))] = names
    return found
