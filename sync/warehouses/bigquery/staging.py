"""Rows beside a table by load jobs: texts as Parquet, which statements cast."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any

from sync.errors import TransientError
from sync.object_store import Place
from sync.warehouses.bigquery.types import cast
from sync.warehouses.contract import Chunks
from sync.warehouses.dbapi.staging import LIVE, REFUSED, STATE, StagedTable, mark_of
from sync.warehouses.schema import Row, TableName
from sync.warehouses.stage.formats import Parquet
from sync.warehouses.stage.manifest import Manifest
from sync.warehouses.stage.store import ObjectStage

LEASE_SECONDS = 20.0  # between two prolongations while rows are brought
AUDITED = "A"  # the mark of the row that an audit leaves
WORK = "work"  # the schema of tables that go by themselves


class LoadedTable(StagedTable):
    """See `StagedTable`. Its work tables are in a dataset whose tables go by themselves after a day, so that
    none is noted; their names are drawn anew each time."""

    def __init__(self, *arguments: Any, stage: ObjectStage | None) -> None:
        super().__init__(*arguments)
        self._stage = stage
        self._is_loaded = False
        self.growth = 0  # rows that the table has more after the pass
        attempt = f"{self._lease.token}_{uuid.uuid4().hex}"
        self.work, self._upserts, self._deletes = (
            TableName(WORK, f"{kind}_{attempt}") for kind in ("staged", "upserts", "deletes")
        )
        self._named = [*self.schema.column_names, STATE]

    def make(self) -> None:
        """The load makes the table; only where it lies has to be there."""
        self._own.create_schema(WORK)

    def receive(self, chunks: Chunks) -> int:
        """Write all rows into files, then load these."""
        received, width = 0, len(self.schema.columns)
        with self._place() as stage:
            upload = stage.upload(self.schema.name, self._lease.token, texts(self._named))
            for chunk in chunks:
                fit = self._fitting([(row[:width], mark_of(row, width)) for row in chunk])
                upload.write([[*values, mark] for _, mark, values in fit])
                upload.write(self._refused)
                self._refused = []
                received += len(chunk)
                self._lease.keep(LEASE_SECONDS)
            self._load(upload.close())
        self._is_loaded = True
        return received

    @contextmanager
    def _place(self) -> Iterator[ObjectStage]:
        """The object store, or a folder that goes."""
        if self._stage:
            yield self._stage
        else:
            with TemporaryDirectory() as folder:
                yield ObjectStage(Place(folder))

    def _load(self, manifest: Manifest) -> None:
        work, found = self._dialect.table(self.work), 0
        if not manifest.files:
            columns = [(name, "STRING") for name in self._named]
            self._own.run(self._dialect.create_table(work, columns))
        elif self._stage:
            urls = [file.url for file in manifest.files]
            found = self._connection.load_objects(work, self._named, urls)
        else:
            for file in manifest.files:
                self._lease.keep(LEASE_SECONDS)
                with Path(file.url).open("rb") as source:
                    found += self._connection.load_file(work, self._named, source)
        if found != manifest.rows:
            raise TransientError(
                f"production, {self.schema.name}: {found} of the {manifest.rows} rows that {manifest.url}"
                f" names were loaded; nothing of it is kept"
            )

    def _mark_refused(self, row: Row) -> None:
        if not self._is_loaded:  # else `_remove` did
            super()._mark_refused(row)

    def _remove(self, rows: Sequence[Row]) -> None:
        condition, values = self._by_key(rows)
        self._own.run(
            f"UPDATE {self._dialect.table(self.work)} SET {self._dialect.quote(STATE)} = '{REFUSED}'"
            f" WHERE {condition}",
            values,
        )

    def live(self) -> str:
        """The query of the rows that become the table where it is loaded anew."""
        return f"{self._query()} WHERE {self._dialect.quote(STATE)} = '{LIVE}'"

    def _rows(self) -> str:
        quoted = self._dialect.quote(STATE)
        return f"({self._query(f', {quoted}')})"

    def _query(self, further: str = "") -> str:
        quote = self._dialect.quote
        listed = ", ".join(f"{cast(quote(name), type_)} AS {quote(name)}" for name, type_ in self._columns)
        return f"SELECT {listed}{further} FROM {self._dialect.table(self.work)}"

    def upsert(self) -> tuple[int, int]:
        inserted, updated = super().upsert()
        self.growth += inserted
        return inserted, updated

    def delete(self) -> int:
        deleted = super().delete()
        self.growth -= deleted
        return deleted

    def demand(self, rows: int | None) -> None:
        """Let the script fail where the table does not have the staged rows then, or not so many in all."""
        name, table = str(self.schema.name), self._dialect.table(self.schema.name)
        fits = f"({self._wrong_rows()}) = 0"
        if rows is not None:
            fits += f" AND (SELECT COUNT(*) FROM {table}) = {rows}"
        said = self._dialect.literal(f"{name}: rows that were written are not as staging has them")
        self._own.run(
            f"INSERT INTO {self._dialect.table(self.work)} ({self._dialect.quote(STATE)})"
            f" SELECT IF({fits}, '{AUDITED}', ERROR({said}))"
        )

    def drop(self) -> None:
        """Drop the work tables."""
        for name in (self.work, self._upserts, self._deletes):
            self._connection.drop(self._dialect.table(name))


def write_texts(file: IO[bytes], columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Write values as their texts into a file that can be loaded, and go back to its beginning."""
    encoder = texts(columns).begin(file)
    encoder.write([[None if value is None else str(value) for value in row] for row in rows])
    encoder.finish()
    file.seek(0)


def texts(columns: Sequence[str]) -> Parquet:
    import pyarrow as pa  # noqa: PLC0415  (half a second, needed by passes with rows alone)

    return Parquet(pa.schema([(name, pa.string()) for name in columns]))
