"""How BigQuery says what the base asks of it: GoogleSQL, datasets, and keys that nobody enforces."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from tempfile import TemporaryFile
from typing import Any

from sync.errors import LeaseLost
from sync.types import parse_type
from sync.warehouses.bigquery.connection import BigQueryError, Connection, literal
from sync.warehouses.bigquery.layout import Layout
from sync.warehouses.bigquery.staging import WORK, write_texts
from sync.warehouses.bigquery.types import TYPES, cast
from sync.warehouses.bigquery.url import settings
from sync.warehouses.changes import Comment, Completion
from sync.warehouses.contract import Capabilities, Hashing
from sync.warehouses.dbapi.dialect import PARAMETER, Dialect, Trouble
from sync.warehouses.fingerprint import HEX_DIGITS, Canonical
from sync.warehouses.schema import ColumnSchema, ForeignKey, Index, TableName, TableSchema

LOST = "softcart: a newer pass has taken the lease"
TRANSIENT = frozenset({
    "backendError", "internalError", "jobBackendError", "jobInternalError", "jobRateLimitExceeded",
    "quotaExceeded", "rateLimitExceeded", "stopped", "tableUnavailable", "timeout",
})  # fmt: skip
# Two jobs wrote to one table at once, of which BigQuery's text alone tells: its reason is that of any query.
CONFLICT = re.compile(r"concurrent update|could not serialize", re.IGNORECASE)
NO_READERS = (
    "nobody was given production's views to read, for BigQuery has no roles of its own: name a principal in"
    " the URL, such as ?readers=group:bi%40example.org, and the next pass lets it read them"
)
LITERAL_CHARACTERS = 20_000  # of the rows of one statement
# Literals and comments of a query, and a table's name behind FROM or JOIN.
NAMES = re.compile(
    r"'(?:[^'\\]|\\.|'')*'|--[^\n]*|\b(?P<word>from|join)\s+[\"`]?(?P<schema>[a-z_]\w*)[\"`]?\.[\"`]?(?P<table>\w+)[\"`]?"
    r"|\"(?P<name>\w+)\"",
    re.IGNORECASE,
)


class BigQueryDialect(Dialect):
    """A schema is a dataset whose name begins with the URL's prefix."""

    system = "bigquery"
    types = TYPES
    capabilities = Capabilities(materialized_views=True, hashing=Hashing.MD5, no_readers=NO_READERS)
    placeholder = PARAMETER
    not_null_when_made = True
    has_primary_keys = False
    whole_number = "BIGNUMERIC"
    portion = 50_000

    def __init__(self, url: str, layouts: Mapping[str, Layout]) -> None:
        self.settings = settings(url)
        self._layouts = layouts

    def connect(self) -> Connection:
        return Connection(self.settings)

    @property
    def driver_error(self) -> type[Exception]:
        return BigQueryError

    def trouble(self, error: Exception) -> Trouble:
        assert isinstance(error, BigQueryError)
        passes = error.reason in TRANSIENT or error.status in (0, 429) or error.status >= 500
        return Trouble.TRANSIENT if passes or CONFLICT.search(str(error)) else Trouble.PERMANENT

    @contextmanager
    def errors(self, where: str) -> Iterator[None]:
        with super().errors(where):
            try:
                yield
            except BigQueryError as error:
                if LOST in str(error):
                    raise LeaseLost(
                        "production: a newer pass has taken over; this one wrote nothing"
                    ) from error
                raise

    def is_there(self, error: Exception) -> bool:
        return isinstance(error, BigQueryError) and (error.status == 409 or error.reason == "duplicate")

    def begin(self, connection: Connection) -> None:
        connection.hold()

    def exists(self, connection: Connection, table: str) -> tuple[str, ...] | None:
        found = connection.types(table)
        return None if found is None else tuple(found)

    def insert(self, cursor: Any, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Rows beside those of `staging.py`, by one statement: of literals where they are few, since the text
        of a script is limited, else from a work table into which they are loaded."""
        types, listed = cursor.connection.types(table), ", ".join(map(self.quote, columns))
        natives = [OLDER_NAMES.get(types[column], types[column]) for column in columns]
        if sum(len(str(value)) for row in rows for value in row) <= LITERAL_CHARACTERS:
            values = ", ".join(f"({', '.join(map(cast, map(literal, row), natives))})" for row in rows)
            cursor.execute(f"INSERT INTO {table} ({listed}) VALUES {values}")
            return
        cursor.execute(self.create_schema(WORK))
        work = self.table(TableName(WORK, f"inserted_{uuid.uuid4().hex}"))
        with TemporaryFile() as file:
            write_texts(file, columns, rows)
            cursor.connection.load_file(work, columns, file)
        values = ", ".join(map(cast, map(self.quote, columns), natives))
        cursor.execute(f"INSERT INTO {table} ({listed}) SELECT {values} FROM {work}")

    def role_exists(self, cursor: Any, role: str) -> bool:
        """Readers are no role of BigQuery's but a principal that the URL names."""
        return self.settings.readers is not None

    def spoken(self, query: str) -> str:
        return NAMES.sub(self._spoken, query)

    def _spoken(self, found: re.Match[str]) -> str:
        if found["table"]:
            if found["schema"].startswith(f"{self.settings.prefix}_"):
                return found[0]  # by its dataset already
            return f"{found['word']} {self.table(TableName(found['schema'], found['table']))}"
        return self.quote(found["name"]) if found["name"] else found[0]

    # Names and literals.

    def quote(self, name: str) -> str:
        return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"

    def table(self, name: TableName) -> str:
        return f"{self.quote(self.settings.dataset(name.schema))}.{self.quote(name.table)}"

    def literal(self, text: str | None) -> str:
        return literal(text)

    def seconds_from_now(self, seconds: float) -> str:
        return f"DATETIME_ADD(CURRENT_DATETIME(), INTERVAL {seconds * 1000:.0f} MILLISECOND)"

    # Definitions.

    def create_schema(self, schema: str) -> str | None:
        options = [f"location = {literal(self.settings.location)}"] if self.settings.location else []
        if schema == WORK:
            options.append("default_table_expiration_days = 1")
        said = f" OPTIONS ({', '.join(options)})" if options else ""
        return f"CREATE SCHEMA IF NOT EXISTS {self.quote(self.settings.dataset(schema))}{said}"

    def replace_table(self, schema: TableSchema, query: str) -> str:
        """Let a query's rows be a table, with its comments and as it is to lie. Readers see the table of
        before or this one."""
        columns = [
            f"{self.quote(column.name)} {self.types.native_type(schema.name, column)}"
            f"{'' if column.nullable else ' NOT NULL'}{_described(column.comment)}"
            for column in schema.columns
        ]
        if schema.key:
            columns.append(f"PRIMARY KEY ({', '.join(map(self.quote, schema.key))}) NOT ENFORCED")
        layout = self._layouts.get(str(schema.name), Layout()).attributes(schema, self.quote)
        return (
            f"CREATE OR REPLACE TABLE {self.table(schema.name)} ({', '.join(columns)}){layout}"
            f"{_described(schema.comment)} AS {query}"
        )

    def collect(self, table: str, columns: Sequence[str], query: str) -> str:
        return f"CREATE TABLE {table} AS {query}"

    def drop_constraint(self, table: str, constraint: str) -> str:
        return f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {self.quote(constraint)}"

    def complete(self, schema: TableSchema, step: Completion) -> Sequence[str]:
        """Foreign keys alone: the key and NOT NULL come with the table and cannot be added, comments by
        `Connection.describe`, and there are no indexes."""
        if isinstance(step, ForeignKey):
            return [f"{statement} NOT ENFORCED" for statement in super().complete(schema, step)]
        return []

    def create_index(self, table: TableName, index: Index) -> Sequence[str]:
        return []

    def comment(self, table: TableName, comment: Comment) -> Sequence[str]:
        return []

    def refresh_materialized(self, name: str, query: str) -> Sequence[str]:
        return [f"CALL BQ.REFRESH_MATERIALIZED_VIEW({literal(name.replace('`', ''))})"]

    def grant(self, view: TableName, role: str) -> Sequence[str]:
        readers = f'"{self.settings.readers}"'
        return [f"GRANT `roles/bigquery.dataViewer` ON VIEW {self.table(view)} TO {readers}"]

    # Rows.

    def fetched(self, column: ColumnSchema, value: str) -> str:
        return _document(value) if column.type == "jsonb" else value

    def differs(self, column: ColumnSchema, one: str, other: str) -> str:
        if column.type == "jsonb":
            one, other = _document(one), _document(other)
        elif column.type in ("real", "double precision"):  # NaN is what it is, and -0 is not 0
            one, other = f"CAST({one} AS STRING)", f"CAST({other} AS STRING)"
        return f"{one} IS DISTINCT FROM {other}"

    def delete(self, table: str, source: str, key: Sequence[str]) -> str:
        matches = " AND ".join(f"target_.{self.quote(name)} = source_.{self.quote(name)}" for name in key)
        return (
            f"MERGE INTO {table} AS target_ USING {source} AS source_ ON {matches} WHEN MATCHED THEN DELETE"
        )

    # Hashes.

    def digits(self, column: ColumnSchema, value: str) -> str:
        scale = parse_type(column.type).scale
        return f"FORMAT('%.{scale}f', {value})" if scale else value

    def canonical_text(self, form: Canonical, value: str) -> str:
        if form is Canonical.MICROSECONDS:
            return f"CAST(UNIX_MICROS(CAST({value} AS TIMESTAMP)) AS STRING)"
        if form is Canonical.BOOLEAN:
            return super().canonical_text(form, value)
        return value if form is Canonical.TEXT else f"CAST({value} AS STRING)"

    def length_prefixed(self, text: str) -> str:
        return f"COALESCE(CONCAT(CAST(BYTE_LENGTH({text}) AS STRING), ':', {text}), '-')"

    def hash_of(self, text: str) -> str:
        return f"CAST(CONCAT('0x', SUBSTR(TO_HEX(MD5({text})), 1, {HEX_DIGITS})) AS INT64)"


# The API's names of types to those of SQL.
OLDER_NAMES = {"INTEGER": "INT64", "FLOAT": "FLOAT64", "BOOLEAN": "BOOL"}


def _document(value: str) -> str:
    """A document's text; of NULL it would be that of the document `null`."""
    return f"IF({value} IS NULL, NULL, TO_JSON_STRING({value}))"


def _described(comment: str | None) -> str:
    return f" OPTIONS (description = {literal(comment)})" if comment else ""
