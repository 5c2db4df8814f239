"""Rows beside one table of a warehouse behind DB-API, and the difference that they make."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import chain, islice
from typing import Any

from sync.errors import SyncError
from sync.warehouses.changes import LoadMode
from sync.warehouses.contract import Chunks
from sync.warehouses.dbapi.dialect import INSERT, OPERATION, PARAMETER, UPDATE, Dialect, Trouble
from sync.warehouses.dbapi.lease import RowLease
from sync.warehouses.dbapi.log_space import refuse_what_does_not_fit
from sync.warehouses.dbapi.state import OwnTables, Rejection
from sync.warehouses.dbapi.types import Unfit
from sync.warehouses.schema import ForeignKey, Row, TableName, TableSchema

# Marks of a staged row: it is there, it is gone from staging, or the warehouse refused its values.
LIVE, DELETED, REFUSED = "L", "D", "R"
STATE = "_state"
# More than these are no rows that are odd but a table that does not fit.
MOST_REJECTED = 10_000
# Rows whose keys one statement names.
NAMED_ROWS = 200


class StagedTable:
    """One table's rows of one pass. Its work tables carry the lease's token, and are noted before they are
    made: those of a pass that was killed are dropped by the next."""

    def __init__(
        self,
        dialect: Dialect,
        connection: Any,
        own: OwnTables,
        lease: RowLease,
        schema: TableSchema,
        mode: LoadMode,
        number: int,
    ) -> None:
        self._dialect = dialect
        self._connection = connection
        self._own = own
        self._lease = lease
        self.schema = schema
        self._mode = mode
        self.rejections: list[Rejection] = []
        self._refused: list[list[Any]] = []  # marks that no portion of rows took along yet
        self._received, self._bytes = 0, 0
        self.work, self._upserts, self._deletes = (
            TableName(schema.name.schema, f"_{kind}_{lease.token}_{number}")
            for kind in ("staged", "upserts", "deletes")
        )
        self._columns = [
            (column.name, dialect.types.native_type(schema.name, column)) for column in schema.columns
        ]
        self._bind = dialect.types.binder(schema.columns, schema.key)
        self._key = [schema.column_names.index(name) for name in schema.key]

    @property
    def is_new(self) -> bool:
        """Whether the rows become the table."""
        return self._mode is LoadMode.LOAD

    def make(self) -> None:
        """Make the work tables."""
        if self._mode is LoadMode.LOAD:
            filled = [column.name for column in self.schema.columns if not column.nullable]
            self._make(self.work, self._columns, filled if self._dialect.not_null_when_made else ())
            return  # it becomes the table itself
        mark = self._dialect.types.short_text
        self._make(self.work, [*self._columns, (STATE, mark)])
        self._make(self._upserts, [*self._columns, (OPERATION, mark)])
        self._make(self._deletes, [(name, type_) for name, type_ in self._columns if name in self.schema.key])

    def _make(
        self, table: TableName, columns: Sequence[tuple[str, str]], not_null: Sequence[str] | None = None
    ) -> None:
        self._own.note_work(table, self._lease.token)
        self._connection.commit()
        name = self._dialect.table(table)
        if not_null is None:
            self._own.run(self._dialect.create_work_table(name, columns))
        else:
            self._own.run(self._dialect.create_table(name, columns, not_null=not_null))
        self._connection.commit()

    def receive(self, chunks: Chunks) -> int:
        """Stage rows in portions that commit, prolonging the lease with each; returns how many came."""
        width = len(self.schema.columns)
        for portion in _portions(chunks, self._dialect.portion):
            self._insert([(row[:width], mark_of(row, width)) for row in portion])
            self._insert_refused()
            self._lease.check()
            self._connection.commit()
            self._received += len(portion)
            self._bytes += sum(len(text) for row in portion for text in row if text)
        if self._mode is not LoadMode.LOAD:
            for statement in self._dialect.staged(self.work, self.schema.key):
                self._own.run(statement)
                self._connection.commit()
        return self._received

    def _insert(self, rows: Sequence[tuple[Row, str]]) -> None:
        """Insert rows, and find those among them that the warehouse cannot hold."""
        if fit := self._fitting(rows):
            self._insert_fit(fit)

    def _fitting(self, rows: Sequence[tuple[Row, str]]) -> list[tuple[Row, str, list[Any]]]:
        """The rows with their values as the driver takes them; rejects those that have none."""
        fit: list[tuple[Row, str, list[Any]]] = []
        for row, mark in rows:
            try:
                fit.append((row, mark, self._bind(self._key_alone(row) if mark == DELETED else row)))
            except Unfit as error:
                self._reject(row, mark, str(error))
        return fit

    def _insert_fit(self, rows: Sequence[tuple[Row, str, list[Any]]]) -> None:
        loads = self._mode is LoadMode.LOAD
        columns = [*self.schema.column_names, *([] if loads else [STATE])]
        cursor = self._connection.cursor()
        try:
            values = [bound if loads else [*bound, mark] for _, mark, bound in rows]
            self._dialect.insert(cursor, self._dialect.table(self.work), columns, values)
            self._connection.commit()
        except self._dialect.driver_error as error:
            if self._dialect.trouble(error) is not Trouble.VALUE:
                raise
            self._connection.rollback()
            if len(rows) == 1:
                self._reject(rows[0][0], rows[0][1], self._dialect.said(error))
            else:
                middle = len(rows) // 2
                self._insert_fit(rows[:middle])
                self._insert_fit(rows[middle:])
        finally:
            cursor.close()

    def _reject(self, row: Row, mark: str, reason: str) -> None:
        """Keep a row for the quarantine; the version that the table has stays, if the key can be held at
        all."""
        if mark == DELETED:
            return  # no row of the table has such a key
        self.rejections.append(Rejection(tuple(row[part] for part in self._key), reason, row))
        if len(self.rejections) > MOST_REJECTED:
            raise SyncError(
                f"{self.schema.name}: more than {MOST_REJECTED} rows cannot be held, the last one for this:"
                f" {reason}. Change the column's type in its model"
            )
        if self._mode is not LoadMode.LOAD:
            self._mark_refused(row)

    def _mark_refused(self, row: Row) -> None:
        with suppress(Unfit):  # a key that no row of the table can have
            self._refused.append([*self._bind(self._key_alone(row)), REFUSED])

    def _insert_refused(self) -> None:
        if self._refused:
            cursor = self._connection.cursor()
            columns = [*self.schema.column_names, STATE]
            self._dialect.insert(cursor, self._dialect.table(self.work), columns, self._refused)
            self._connection.commit()
            cursor.close()
            self._refused = []

    def _key_alone(self, row: Row) -> Row:
        return tuple(text if number in self._key else None for number, text in enumerate(row))

    def reject_orphans(self, key: ForeignKey, parent: StagedTable | None) -> None:
        """Let the rows wait whose parent the warehouse refused: they would refer to nothing."""
        quote, table = self._dialect.quote, self._dialect.table
        sources = [(table(key.parent), "")] if parent is None or parent._mode is not LoadMode.LOAD else []
        if parent is not None:
            loaded = parent._mode is LoadMode.LOAD
            name = table(key.parent) if loaded else parent._rows()
            sources.append((name, "" if loaded else f" AND p.{quote(STATE)} = '{LIVE}'"))
        matches = " AND ".join(
            f"p.{quote(theirs)} = i.{quote(own)}"
            for own, theirs in zip(key.columns, key.parent_columns, strict=True)
        )
        refers = " AND ".join(f"i.{quote(name)} IS NOT NULL" for name in key.columns)
        live = "" if self._mode is LoadMode.LOAD else f"i.{quote(STATE)} = '{LIVE}' AND "
        absent = " AND ".join(
            f"NOT EXISTS (SELECT 1 FROM {name} p WHERE {matches}{further})" for name, further in sources
        )
        columns = ", ".join(
            self._dialect.fetched(column, f"i.{quote(column.name)}") for column in self.schema.columns
        )
        found = self._own.rows(f"SELECT {columns} FROM {self._rows()} i WHERE {live}{refers} AND {absent}")
        show = self._dialect.types.shower(self.schema.columns)
        rows = [show(row) for row in found]
        for begin in range(0, len(rows), NAMED_ROWS):
            self._remove(rows[begin : begin + NAMED_ROWS])
        for row in rows:
            self._reject(row, LIVE, f"it waits for its row in {key.parent}, which is in quarantine")
        self._insert_refused()

    def _remove(self, rows: Sequence[Row]) -> None:
        """Take rows back that were staged."""
        condition, values = self._by_key(rows)
        self._own.run(f"DELETE FROM {self._dialect.table(self.work)} WHERE {condition}", values)
        self._connection.commit()

    def _by_key(self, rows: Sequence[Row]) -> tuple[str, list[Any]]:
        """The condition of these rows by their keys, and its values."""
        columns = [self.schema.columns[part] for part in self._key]
        one = " AND ".join(f"{self._dialect.quote(column.name)} = {PARAMETER}" for column in columns)
        bind = self._dialect.types.binder(columns)
        values = [value for row in rows for value in bind(tuple(row[part] for part in self._key))]
        return " OR ".join([f"({one})"] * len(rows)), values

    def upsert(self) -> tuple[int, int]:
        """Write what is new or differs, within the transaction of rows; returns how many of each."""
        quote, table = self._dialect.quote, self._dialect.table
        names, upserts = self.schema.column_names, table(self._upserts)
        of_staged = ", ".join(f"i.{quote(name)}" for name in names)
        first = f"t.{quote(self.schema.key[0])}"
        query = (
            f"SELECT {of_staged}, CASE WHEN {first} IS NULL THEN '{INSERT}' ELSE '{UPDATE}' END"
            f" AS {quote(OPERATION)}"
            f" FROM {self._rows()} i LEFT JOIN {table(self.schema.name)} t ON {self._matches()}"
            f" WHERE i.{quote(STATE)} = '{LIVE}' AND ({first} IS NULL OR {self._differs()})"
        )
        self._own.run(self._dialect.collect(upserts, [*names, OPERATION], query))
        counts = dict(
            self._own.rows(f"SELECT {quote(OPERATION)}, COUNT(*) FROM {upserts} GROUP BY {quote(OPERATION)}")
        )
        if counts:
            self._check_log(sum(counts.values()))
            self._own.run(self._dialect.merge(table(self.schema.name), upserts, names, self.schema.key))
        return int(counts.get(INSERT, 0)), int(counts.get(UPDATE, 0))

    def delete(self) -> int:
        """Delete what is gone from staging, within the transaction of rows; returns how many."""
        quote, table = self._dialect.quote, self._dialect.table
        deletes, key = table(self._deletes), self.schema.key
        of_table = ", ".join(f"t.{quote(name)}" for name in key)
        if self._mode is LoadMode.COMPARISON:
            gone = f"{table(self.schema.name)} t LEFT JOIN {self._rows()} i ON {self._matches()}"
            gone += f" WHERE i.{quote(key[0])} IS NULL"
        else:
            gone = f"{self._rows()} i JOIN {table(self.schema.name)} t ON {self._matches()}"
            gone += f" WHERE i.{quote(STATE)} = '{DELETED}'"
        query = f"SELECT {of_table} FROM {gone}"
        self._own.run(self._dialect.collect(deletes, key, query))
        ((rows,),) = self._own.rows(f"SELECT COUNT(*) FROM {deletes}")
        if rows:
            self._check_log(int(rows))
            self._own.run(self._dialect.delete(table(self.schema.name), deletes, key))
        return int(rows)

    def _check_log(self, rows: int) -> None:
        size = self._bytes / max(self._received, 1)
        refuse_what_does_not_fit(self._dialect, self._connection, self.schema.name, rows, size)

    def wrong(self) -> int:
        """How many of the staged rows are not in the table as they should be."""
        ((rows,),) = self._own.rows(self._wrong_rows())
        return int(rows)

    def _wrong_rows(self) -> str:
        quote, table = self._dialect.quote, self._dialect.table
        state, first = f"i.{quote(STATE)}", f"t.{quote(self.schema.key[0])}"
        return (
            f"SELECT COUNT(*) FROM {self._rows()} i LEFT JOIN {table(self.schema.name)} t"
            f" ON {self._matches()} WHERE ({state} = '{LIVE}' AND ({first} IS NULL OR {self._differs()}))"
            f" OR ({state} = '{DELETED}' AND {first} IS NOT NULL)"
        )

    def _rows(self) -> str:
        """The staged rows as a statement reads them, in the types of the table."""
        return self._dialect.table(self.work)

    def _matches(self) -> str:
        quote = self._dialect.quote
        return " AND ".join(f"t.{quote(name)} = i.{quote(name)}" for name in self.schema.key)

    def _differs(self) -> str:
        """Whether the rows differ, whose keys are equal to the database, if perhaps not byte for byte."""
        quote, differs = self._dialect.quote, self._dialect.differs
        return " OR ".join(
            differs(column, f"t.{quote(column.name)}", f"i.{quote(column.name)}")
            for column in self.schema.columns
        )


def mark_of(row: Row, width: int) -> str:
    """The last value of a change says whether the row is deleted."""
    return DELETED if row[width:] == ("true",) else LIVE


def _portions(chunks: Chunks, size: int) -> Iterator[list[Row]]:
    """The rows of all chunks in portions of one size, the last one smaller."""
    rows = chain.from_iterable(chunks)
    while portion := list(islice(rows, size)):
        yield portion
