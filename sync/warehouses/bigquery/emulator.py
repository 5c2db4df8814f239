"""The emulator goccy/bigquery-emulator in BigQuery's place: BigQuery's API and SQL over SQLite.

What BigQuery has and it has not is left out here and named in `Capabilities.unverified`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import IO, Any

from sync.warehouses.bigquery.connection import BigQueryError, Connection, errors
from sync.warehouses.bigquery.dialect import BigQueryDialect
from sync.warehouses.bigquery.types import TYPES
from sync.warehouses.changes import Completion
from sync.warehouses.contract import Capabilities
from sync.warehouses.dbapi.dialect import Trouble
from sync.warehouses.dbapi.driver import load_driver
from sync.warehouses.dbapi.types import Unfit
from sync.warehouses.schema import TableName, TableSchema

UNVERIFIED = (
    "a transaction that fails leaves nothing",
    "materialized views",
    "keys, comments, partitions and clusters",
    "grants",
)
REPLACE_TABLE = re.compile(r"CREATE OR REPLACE TABLE (`\w+`\.`\w+`)")
CREATE_SCHEMA = re.compile(r"CREATE SCHEMA IF NOT EXISTS `(\w+)`")
DATASET_SECONDS = 30.0


class EmulatorConnection(Connection):
    """It checks no credentials, makes no dataset by SQL, replaces no table, keeps no comments, answers once a
    job ended, and says of no load how many rows it took."""

    request_seconds = 900.0

    def load_file(self, table: str, columns: Sequence[str], file: IO[bytes]) -> int:
        before = self._rows(table)
        super().load_file(table, columns, file)
        return self._rows(table) - before

    def _rows(self, table: str) -> int:
        """Those that it counts whenever it is asked for a table, 0 where there is none."""
        found = self.found(table)
        return 0 if found is None else int(found.num_rows)

    def connected(self) -> Any:
        credentials = load_driver("google.auth.credentials", "BigQuery", "bigquery").AnonymousCredentials()
        return self.bigquery.Client(
            project=self.settings.project,
            credentials=credentials,
            client_options={"api_endpoint": self.settings.endpoint},
        )

    def execute(self, statement: str) -> Any:
        if found := CREATE_SCHEMA.match(statement):
            with suppress(BigQueryError), errors():
                # To be asked for one that is there is what it never recovers from.
                if found[1] not in (each.dataset_id for each in self.client.list_datasets(retry=None)):
                    self.client.create_dataset(found[1], retry=None, timeout=DATASET_SECONDS)
            return ()
        if found := REPLACE_TABLE.match(statement):
            # Its own way keeps the columns of before in mind.
            if self.found(found[1]) is not None:
                super().execute(f"DROP TABLE {found[1]}")
            return super().execute(statement.replace(" OR REPLACE", "", 1))
        *first, last = statement.split(";\n")  # definitions, of which it understands one at a time
        for each in first:
            super().execute(each)
        return super().execute(last)

    def drop(self, table: str) -> None:
        """It would take seconds and hundreds of megabytes for each."""

    def describe(self, table: str, comments: Mapping[str | None, str | None]) -> None:
        return None


def number(value: str) -> str:
    if value == "NaN":
        raise Unfit("SQLite takes NaN for NULL")
    return value


class EmulatorDialect(BigQueryDialect):
    """Each of its errors is one of the server's own, 500, and none is worth another try. Rows are compared by
    value: a function of its SQL takes so long that their hashes take eight times as long."""

    capabilities = Capabilities(unverified=UNVERIFIED)
    types = replace(TYPES, binds={**TYPES.binds, "real": number, "double precision": number})

    def connect(self) -> Connection:
        return EmulatorConnection(self.settings)

    def trouble(self, error: Exception) -> Trouble:
        assert isinstance(error, BigQueryError)
        return Trouble.PERMANENT if error.status else Trouble.TRANSIENT

    def table(self, name: TableName) -> str:
        """Any table of the name `tables` it takes for that of INFORMATION_SCHEMA."""
        return super().table(name._replace(table="tables_") if name.table == "tables" else name)

    def insert_first(self, table: str, columns: Sequence[str], values: Sequence[str]) -> str:
        row = f"SELECT {', '.join(values)}"
        return f"INSERT INTO {table} {row} FROM (SELECT 1) WHERE NOT EXISTS (SELECT 1 FROM {table})"

    def add_column(self, table: str, column: str, type_: str) -> str:
        """Its ALTER TABLE does nothing and says nothing."""
        wider, null = f"{table[:-1]}_wider`", f"CAST(NULL AS {type_.partition('(')[0]})"
        return (
            f"CREATE TABLE {wider} AS SELECT *, {null} AS {self.quote(column)} FROM {table};\n"
            f"DROP TABLE {table};\nCREATE TABLE {table} AS SELECT * FROM {wider};\nDROP TABLE {wider}"
        )

    def role_exists(self, cursor: Any, role: str) -> bool:
        """It checks nobody's rights, so that nobody need be told to name readers."""
        return True

    def drop_not_null(self, table: str, column: str) -> Sequence[str]:
        return []

    def complete(self, schema: TableSchema, step: Completion) -> Sequence[str]:
        return []

    def create_materialized(self, name: str, query: str) -> str:
        return f"CREATE TABLE {name} AS SELECT * FROM ({query}) WHERE FALSE"

    def refresh_materialized(self, name: str, query: str) -> Sequence[str]:
        return [f"DELETE FROM {name} WHERE TRUE", f"INSERT INTO {name} {query}"]

    def grant(self, view: TableName, role: str) -> Sequence[str]:
        return []
