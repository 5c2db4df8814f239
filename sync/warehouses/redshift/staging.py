"""Rows beside a table by COPY: files of all of them in the object store first, then one statement."""

from __future__ import annotations

import csv
import gzip
import io
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import psycopg2

from sync.errors import TransientError
from sync.warehouses.changes import LoadMode
from sync.warehouses.contract import Chunks
from sync.warehouses.dbapi.dialect import Trouble
from sync.warehouses.dbapi.staging import LIVE, STATE, StagedTable, mark_of
from sync.warehouses.redshift.layout import Layout, check_layout
from sync.warehouses.redshift.types import MOST_DOCUMENT_BYTES, NULL
from sync.warehouses.stage.formats import CsvGz
from sync.warehouses.stage.manifest import Manifest, StageFile
from sync.warehouses.stage.store import ObjectStage

FORMAT = CsvGz(NULL)
LEASE_SECONDS = 10.0  # between two prolongations while files are written: each costs a commit
PORTION = 20_000  # rows among which one is looked for that was refused
# Where the server says which line of which file it refused; a COPY's error has the same code as any other.
REFUSALS = (
    "SELECT COUNT(*) FROM sys_load_error_detail WHERE session_id = pg_backend_pid() AND start_time >= {0}"
)


class FiledTable(StagedTable):
    """See `StagedTable`. `role` is the IAM role by which the cluster reads the files."""

    def __init__(
        self, *arguments: Any, stage: ObjectStage, role: str, layouts: Mapping[str, Layout], region: str
    ) -> None:
        super().__init__(*arguments)
        self._stage = stage
        self._role = role
        self._region = region
        self._layout = layouts.get(str(self.schema.name), Layout())
        self._prolonged = time.monotonic()

    def make(self) -> None:
        if self._mode is not LoadMode.LOAD:
            super().make()
            return
        self._own.note_work(self.work, self._lease.token)
        self._connection.commit()
        self._own.run(self.definition(self._dialect.table(self.work)))
        self._connection.commit()

    def definition(self, table: str) -> str:
        """The table with its key, whose columns cannot become NOT NULL later, and as it is to lie."""
        check_layout(self._layout, self.schema)
        quote, key = self._dialect.quote, self.schema.key
        columns = [
            f"{quote(name)} {type_}{' NOT NULL' if name in key else ''}{self._layout.encoding(name)}"
            for name, type_ in self._columns
        ]
        primary = [f"PRIMARY KEY ({', '.join(map(quote, key))})"] if key else []
        return f"CREATE TABLE {table} ({', '.join([*columns, *primary])}) {self._layout.attributes(quote)}"

    def receive(self, chunks: Chunks) -> int:
        """Write all rows into files, then load these."""
        received, width = 0, len(self.schema.columns)
        upload = self._stage.upload(self.schema.name, self._lease.token, FORMAT)
        for chunk in chunks:
            fit = self._fitting([(row[:width], mark_of(row, width)) for row in chunk])
            upload.write([self._line(mark, values) for _, mark, values in fit])
            received += len(chunk)
            if time.monotonic() - self._prolonged > LEASE_SECONDS:
                self._lease.check()
                self._connection.commit()
                self._prolonged = time.monotonic()
        manifest = upload.close()
        if manifest.rows and not self._loaded(manifest):
            for file in manifest.files:
                for portion in self._read(file):
                    self._load_portion(portion)
        self._insert_refused()
        return received

    def _line(self, mark: str, values: Sequence[Any]) -> list[Any]:
        return [*values] if self._mode is LoadMode.LOAD else [*values, mark]

    def _load_portion(self, lines: Sequence[Sequence[str | None]]) -> None:
        """Load rows some of which may be refused: halve them until these are found."""
        upload = self._stage.upload(self.schema.name, self._lease.token, FORMAT)
        upload.write(lines)
        if reason := self._refusal(upload.close()):
            if len(lines) == 1:
                row = tuple(lines[0][: len(self.schema.columns)])
                self._reject(row, LIVE if self._mode is LoadMode.LOAD else str(lines[0][-1]), reason)
                return
            middle = len(lines) // 2
            self._load_portion(lines[:middle])
            self._load_portion(lines[middle:])

    def _loaded(self, manifest: Manifest) -> bool:
        return self._refusal(manifest) is None

    def _refusal(self, manifest: Manifest) -> str | None:
        """Load the files of a manifest and commit; why the server refused a row of theirs, None where it took
        all.

        Raises `TransientError` where it took another number of rows, `LeaseLost` where a newer pass took
        over.
        """
        work = self._dialect.table(self.work)
        self._lease.check()
        ((before, began),) = self._own.rows(
            f"SELECT COUNT(*), {self._dialect.seconds_from_now(0)} FROM {work}"
        )
        try:
            self._own.run(self.statement(work, manifest))
        except psycopg2.Error as error:
            self._connection.rollback()
            if not self._is_for_a_value(error, str(began)):
                raise
            return self._dialect.said(error)
        ((after,),) = self._own.rows(f"SELECT COUNT(*) FROM {work}")
        if after - before != manifest.rows:
            self._connection.rollback()
            raise TransientError(
                f"production, {self.schema.name}: COPY took {after - before} of the {manifest.rows} rows that"
                f" {manifest.url} names; nothing of it was kept"
            )
        self._lease.check()  # the COPY may have taken longer than the lease lasts
        self._connection.commit()
        self._prolonged = time.monotonic()
        return None

    def statement(self, work: str, manifest: Manifest) -> str:
        """The COPY, which takes every row or none."""
        quote, literal = self._dialect.quote, self._dialect.literal
        columns = [*self.schema.column_names, *([] if self._mode is LoadMode.LOAD else [STATE])]
        role = "default" if self._role == "default" else literal(self._role)
        region = f" REGION {literal(self._region)}" if self._region else ""
        return (
            f"COPY {work} ({', '.join(map(quote, columns))}) FROM {literal(manifest.url)} IAM_ROLE {role}"
            f" FORMAT AS CSV GZIP MANIFEST NULL AS {literal(NULL)} DATEFORMAT 'auto' TIMEFORMAT 'auto'"
            f" MAXERROR 0 COMPUPDATE OFF STATUPDATE OFF{region}"
        )

    def _is_for_a_value(self, error: psycopg2.Error, began: str) -> bool:
        trouble = self._dialect.trouble(error)
        if trouble is not Trouble.PERMANENT or error.pgcode != "XX000":
            return trouble is Trouble.VALUE
        ((refused,),) = self._own.rows(REFUSALS.format(self._dialect.literal(began)))
        self._connection.rollback()
        return bool(refused)

    def _read(self, file: StageFile) -> Iterator[list[list[str | None]]]:
        """A file's rows again, in portions."""
        csv.field_size_limit(MOST_DOCUMENT_BYTES)
        with self._stage.read(file) as stream, gzip.open(stream) as unpacked:
            lines = csv.reader(io.TextIOWrapper(unpacked, "utf-8", newline=""))
            while portion := list(islice(lines, PORTION)):
                yield [[None if text == NULL else text for text in line] for line in portion]
