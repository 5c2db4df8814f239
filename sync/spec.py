"""What a synced table is: one frozen declaration that everything else is derived from.

A `Table` drives the target's DDL, the query on the source, the merge, the checks and the asset of one table.
It refuses nonsense when it is made, so that a mistake shows when the definitions load and not in a run at
night.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from sync.types import parse_type

ZERO_DATE_NULL = "null"
# Where a row of a file comes from.
OBJECT_NAME, OBJECT_LINE, OBJECT_TIME = "object_name", "object_line", "object_time"


class SpecError(ValueError):
    """A declaration contradicts itself; the message names the table and the way out."""


class Strategy(StrEnum):
    """How the engine learns what changed."""

    FULL = "full"  # read everything, apply the difference
    WATERMARK = "watermark"  # read what lies above a cursor
    LOG = "log"  # follow the source's log
    APPEND = "append"  # read objects that are new; a row is its object and line
    LATEST = "latest"  # read objects that are new; of each key the greatest row stands


class Deletes(StrEnum):
    """What a row that is gone from the source becomes in the target."""

    TOMBSTONE = "tombstone"  # stays, with _deleted = true
    IGNORE = "ignore"  # stays as it is: the target may know rows that the source does not


@dataclass(frozen=True)
class Column:
    """One column of the target.

    `type` is the PostgreSQL type it has there; `source` the column's name (MongoDB: the field's) in the
    source where it is another. A masked column arrives as a SHA-256 in hex, computed by the source where it
    can be, so that the plain value never leaves it. Where it had arrived in plain before, the next pass
    hashes it in the rows, the tombstones and the change log as well. `zero_date` says what MySQL's 0000-00-00
    becomes: "null" or a date such as 2000-01-01. Without it such a row is quarantined; one with 2020-00-10
    always is.
    """

    name: str
    type: str
    description: str = ""
    source: str | None = None
    mask: bool = False
    zero_date: str | None = None

    def __post_init__(self) -> None:
        if self.mask and self.type != "text":
            raise SpecError(f"column {self.name}: a masked column is a hash, so its type is text")
        if self.zero_date is None:
            return
        if parse_type(self.type).base not in {"date", "timestamp", "timestamptz"}:
            raise SpecError(f"column {self.name}: zero_date is for dates and timestamps, not for {self.type}")
        _check_zero_date(f"column {self.name}", self.zero_date)

    @property
    def source_name(self) -> str:
        return self.source or self.name


OBJECT_COLUMNS = (
    Column(OBJECT_NAME, "text", "name of the file that the row comes from"),
    Column(OBJECT_LINE, "bigint", "the row's line there, from 1"),
    Column(OBJECT_TIME, "timestamptz", "when the file was written"),
)


@dataclass(frozen=True)
class Table:
    """One table (or collection) of a source and where it goes.

    `database` is the source's database; for PostgreSQL, whose connections see one database, that of the URL,
    it is the schema.

    Empty `columns` mean: as the source's catalog has them when the pass runs. `document` names the jsonb
    column that keeps a MongoDB document whole. `history` appends every applied version to the change log
    `history.<name>`. `adopt` takes over a table that somebody else made: it gets no column of ours, and only
    the columns that both sides have are compared and written; one of up to 250,000 rows is compared whole by
    each pass, whatever its strategy. An `optional` table need not be in its source (yet) and is empty until
    it is; it declares its columns. A pass leaves a `paused` table as it is.

    Columns of the catalog, or fields of the document, that are named in `exclude` are not read. What they had
    brought before is dropped by the next pass, from the change log too. A table has to have each column that
    is named there; a document need not have the field.

    `cursor` names the column of the watermark strategy, which grows with every change of a row: a time or a
    number. Each pass reads again what lies within `overlap_seconds` behind a time, for an application may
    write an earlier one than its commit's.

    `catalog_key` says that the key was not declared but found in the source: a pass refuses to go on by it
    once it is not unique there any more.

    Under `append` the key is `object_name` and `object_line`; under `latest` those and `object_time` are
    columns, by which, behind the `cursor`, the order of a key's rows is total. `OBJECT_COLUMNS` has them. A
    latest row whose column `deleted_by` is true is a tombstone.

    `zero_date` is for the dates and times of a table in MySQL whose columns are not declared, see `Column`.
    """

    name: str
    source: str
    database: str
    key: tuple[str, ...]
    columns: tuple[Column, ...] = ()
    source_table: str | None = None
    target: str = "staging"
    schema: str = "raw"
    strategy: Strategy = Strategy.FULL
    cursor: str | None = None
    overlap_seconds: float = 600.0
    document: str | None = None
    exclude: frozenset[str] = field(default_factory=frozenset)
    history: bool = False
    optional: bool = False
    deletes: Deletes = Deletes.TOMBSTONE
    adopt: bool = False
    paused: bool = False
    max_rejected_share: float | None = None
    zero_date: str | None = None
    catalog_key: bool = False
    deleted_by: str | None = None
    description: str = ""

    def __post_init__(self) -> None:
        names = [column.name for column in self.columns]
        if len(set(names)) != len(names):
            raise SpecError(f"table {self.name}: a column is declared twice in {names}")
        if names and (unknown := [part for part in self.key if part not in names]):
            raise SpecError(f"table {self.name}: key column {unknown[0]!r} is not among its columns {names}")
        empty = {column.name for column in self.columns if column.zero_date == ZERO_DATE_NULL}
        if unfit := empty & set(self.key):
            raise SpecError(
                f"table {self.name}: key column {sorted(unfit)[0]!r} takes no NULL; give zero_date a date"
            )
        if hidden := self.exclude & {*self.key, *([self.cursor] if self.cursor else [])}:
            raise SpecError(
                f"table {self.name}: {sorted(hidden)} is its key or cursor and cannot be excluded"
            )
        if self.document:
            self._check_paths()
        if self.strategy is Strategy.WATERMARK and not (self.key and self.cursor):
            raise SpecError(f"table {self.name}: the watermark strategy needs a key and a cursor")
        if names and self.cursor and self.cursor not in names:
            raise SpecError(f"table {self.name}: cursor {self.cursor!r} is not among its columns {names}")
        if self.overlap_seconds < 0:
            raise SpecError(f"table {self.name}: overlap_seconds cannot be negative")
        if self.strategy is Strategy.LOG and not self.key:
            raise SpecError(
                f"table {self.name}: without a key it cannot follow the log; declare strategy full"
            )
        if self.optional and not self.columns:
            raise SpecError(f"table {self.name}: an optional table has to declare its columns")
        if self.history and not self.key:
            raise SpecError(f"table {self.name}: a change log needs a key")
        if self.adopt and not self.key:
            raise SpecError(f"table {self.name}: a table is adopted by its key; declare one")
        if self.adopt and (self.history or self.deletes is not Deletes.IGNORE):
            raise SpecError(f"table {self.name}: an adopted table has no change log and ignores deletes")
        if self.zero_date is not None:
            _check_zero_date(f"table {self.name}", self.zero_date)
            if self.columns:
                raise SpecError(f"table {self.name}: it declares its columns; declare zero_date with those")
        self._check_objects(names)
        if self.max_rejected_share is not None and not 0 <= self.max_rejected_share <= 1:
            raise SpecError(f"table {self.name}: max_rejected_share is a share between 0 and 1")

    def _check_paths(self) -> None:
        """MongoDB's server leaves the fields out: https://www.mongodb.com/docs/manual/reference/limits/."""
        for path in sorted(self.exclude):
            parts = path.split(".")
            if any(not part or part.startswith("$") for part in parts):
                raise SpecError(
                    f"table {self.name}: MongoDB leaves out no field {path!r}; each part of a path is a name"
                    f" that does not begin with a dollar"
                )
            outer = {".".join(parts[:count]) for count in range(1, len(parts))}
            if covering := outer & self.exclude:
                raise SpecError(
                    f"table {self.name}: {path!r} lies inside {sorted(covering)[0]!r}, which is excluded as a"
                    f" whole; name one of them"
                )

    def _check_objects(self, names: list[str]) -> None:
        if self.strategy is Strategy.APPEND and set(self.key) != {OBJECT_NAME, OBJECT_LINE}:
            raise SpecError(f"table {self.name}: a row that is appended has the key object_name, object_line")
        lacking = {OBJECT_NAME, OBJECT_LINE, OBJECT_TIME}.difference(names)
        if self.strategy is Strategy.LATEST and (lacking or not self.key):
            raise SpecError(f"table {self.name}: the latest row takes a key, and the columns OBJECT_COLUMNS")
        if self.deleted_by and (self.strategy is not Strategy.LATEST or self.deleted_by not in names):
            raise SpecError(f"table {self.name}: deleted_by is a column of a table with strategy latest")

    @property
    def source_name(self) -> str:
        """The table's or collection's name in the source."""
        return self.source_table or self.name

    @property
    def cursor_source_name(self) -> str:
        """The cursor's column or field in the source."""
        named = {column.name: column.source_name for column in self.columns}
        return named.get(self.cursor or "", self.cursor or "")

    @property
    def qualified(self) -> str:
        """`schema.name` in the target, for messages and metadata; never for SQL."""
        return f"{self.schema}.{self.name}"


def _check_zero_date(name: str, wanted: str) -> None:
    if wanted != ZERO_DATE_NULL and not _is_date(wanted):
        raise SpecError(
            f"{name}: zero_date is {ZERO_DATE_NULL!r} or a date such as '2000-01-01', not {wanted!r}"
        )


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
