"""How a system says what the base asks of it. A system overrides what it says in another way."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import Enum
from typing import Any, ClassVar

from sync.errors import SyncError, TransientError
from sync.warehouses.dbapi.definitions import Definitions
from sync.warehouses.dbapi.types import TypeMapper
from sync.warehouses.fingerprint import HEX_DIGITS, Canonical
from sync.warehouses.schema import ColumnSchema

# Stands for a parameter in the base's SQL: no name and no literal can contain it.
PARAMETER = "\0"
# The column of the rows to merge that says what becomes of each, and its values.
OPERATION, INSERT, UPDATE = "_operation", "I", "U"


class Trouble(Enum):
    """What an error of the driver means."""

    TRANSIENT = "transient"  # the same may succeed later
    PERMANENT = "permanent"
    VALUE = "value"  # the server refuses a row for what is in it


class Dialect(Definitions):
    """A system behind DB-API 2.0. `placeholder` is what its driver's `paramstyle` has for a parameter, `?` or
    `%s`; `portion` rows are inserted with one call. Of a row in quarantine no more than `longest_own_text`
    bytes of its reason and of its values are kept. `log_settings` are those that make a bounded log
    larger."""

    system: ClassVar[str]
    types: ClassVar[TypeMapper]
    placeholder: ClassVar[str] = "?"
    portion: ClassVar[int] = 2000
    whole_number: ClassVar[str] = "DECIMAL(31, 0)"
    longest_own_text: ClassVar[int | None] = None
    log_settings: ClassVar[str] = ""

    @abstractmethod
    def connect(self) -> Any:
        """A DB-API connection that is not in autocommit mode."""

    @property
    @abstractmethod
    def driver_error(self) -> type[Exception]:
        """The root of the driver's errors."""

    @abstractmethod
    def trouble(self, error: Exception) -> Trouble:
        """What one of them means, by its code."""

    def is_there(self, error: Exception) -> bool:
        """Whether an error means that a key, an index or the like exists already."""
        return False

    def is_gone(self, error: Exception) -> bool:
        """Whether an error means that a constraint which was to be dropped does not exist any more."""
        return False

    @contextmanager
    def errors(self, where: str) -> Iterator[None]:
        """Turn the driver's errors into ours; `where` begins the message."""
        try:
            yield
        except self.driver_error as error:
            kind = TransientError if self.trouble(error) is Trouble.TRANSIENT else SyncError
            raise kind(f"{where}: {self.said(error)}") from error

    def said(self, error: Exception) -> str:
        """An error's message, in one line and without any password."""
        return " ".join(str(error).split())

    def cursor(self, connection: Any) -> Any:
        """A cursor whose rows stay on the server until they are fetched."""
        return connection.cursor()

    def insert(self, cursor: Any, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Insert rows, the fastest way that the driver has."""
        marks = ", ".join([PARAMETER] * len(columns))
        listed = ", ".join(map(self.quote, columns))
        cursor.executemany(self.parametrized(f"INSERT INTO {table} ({listed}) VALUES ({marks})"), rows)

    def parametrized(self, statement: str) -> str:
        """A statement as the driver takes it together with values."""
        if self.placeholder == "%s":
            statement = statement.replace("%", "%%")
        return statement.replace(PARAMETER, self.placeholder)

    def begin(self, connection: Any) -> None:
        """Begin the transaction of rows where the connection, as DB-API wants it, has not begun one."""
        return

    def lock(self, table: str) -> str | None:
        """The statement with which a transaction of the lease's begins, None where its UPDATE does."""
        return None

    def log_space(self, connection: Any) -> int | None:
        """The bytes that the log has left; None where it is not bounded, or the system does not say."""
        return None

    def exists(self, connection: Any, table: str) -> tuple[str, ...] | None:
        """The columns of a table or view, None where there is none."""
        cursor = connection.cursor()
        try:
            cursor.execute(f"SELECT * FROM {table} WHERE 1 = 0")
            return tuple(column[0] for column in cursor.description)
        except self.driver_error as error:
            if self.trouble(error) is Trouble.TRANSIENT:
                raise
            connection.rollback()
            return None
        finally:
            cursor.close()

    def role_exists(self, cursor: Any, role: str) -> bool:
        """Whether there is a role that views can be granted to."""
        return False

    def spoken(self, query: str) -> str:
        """A query of the platform's files, as the system has it."""
        return query

    # Rows.

    def fetched(self, column: ColumnSchema, value: str) -> str:
        """A column in a SELECT whose values `types` shows."""
        return value

    def differs(self, column: ColumnSchema, one: str, other: str) -> str:
        """Whether two values, which may be NULL, are not the same byte for byte."""
        return (
            f"({one} <> {other} OR ({one} IS NULL AND {other} IS NOT NULL)"
            f" OR ({one} IS NOT NULL AND {other} IS NULL))"
        )

    def merge(self, table: str, source: str, columns: Sequence[str], key: Sequence[str]) -> str:
        """Write the rows of `source`, all of which are new or differ; `OPERATION` there says which. A name of
        one letter would be in the way of a column of that name."""
        matches = " AND ".join(f"target_.{self.quote(name)} = source_.{self.quote(name)}" for name in key)
        others = [name for name in columns if name not in key]
        updates = ", ".join(f"{self.quote(name)} = source_.{self.quote(name)}" for name in others)
        listed = ", ".join(map(self.quote, columns))
        values = ", ".join(f"source_.{self.quote(name)}" for name in columns)
        update = f" WHEN MATCHED THEN UPDATE SET {updates}" if updates else ""
        return (
            f"MERGE INTO {table} AS target_ USING {source} AS source_ ON {matches}{update}"
            f" WHEN NOT MATCHED THEN INSERT ({listed}) VALUES ({values})"
        )

    def delete(self, table: str, source: str, key: Sequence[str]) -> str:
        """Delete the rows whose keys are in `source`."""
        matches = " AND ".join(f"t.{self.quote(name)} = i.{self.quote(name)}" for name in key)
        return f"DELETE FROM {table} AS t WHERE EXISTS (SELECT 1 FROM {source} AS i WHERE {matches})"

    # Hashes, see `sync/warehouses/fingerprint.py`; asked of a system whose hashing is MD5.

    def digits(self, column: ColumnSchema, value: str) -> str:
        """A number with all decimals of its scale, as most systems' are anyway."""
        return value

    def canonical_text(self, form: Canonical, value: str) -> str:
        """A value's canonical text."""
        if form is Canonical.BOOLEAN:
            return f"CASE WHEN {value} THEN '1' WHEN NOT {value} THEN '0' END"
        if form is Canonical.MICROSECONDS:
            return f"CAST(CAST(EXTRACT(EPOCH FROM {value}) * 1000000 AS BIGINT) AS VARCHAR(20))"
        return value if form is Canonical.TEXT else f"CAST({value} AS VARCHAR(50))"

    def length_prefixed(self, text: str) -> str:
        return f"COALESCE(CAST(OCTET_LENGTH({text}) AS VARCHAR(20)) || ':' || {text}, '-')"

    def hash_of(self, text: str) -> str:
        """The first `HEX_DIGITS` of a text's MD5 as a number."""
        return f"CAST(CONV(SUBSTRING(MD5({text}), 1, {HEX_DIGITS}), 16, 10) AS BIGINT)"
