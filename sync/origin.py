"""Where a table's rows come from, and whether that is still what they came from."""

from __future__ import annotations

from sync.declaration import from_json
from sync.errors import RELOAD, SyncError, UnknownTableError
from sync.sources.base import Description, Source
from sync.spec import Deletes, Table
from sync.table_state import TableState


class Origin:
    """A table in its source, as a pass finds it; `before` is where the last one ended.

    `key_is_unique` says, once the table was described, whether the source vouches for its key.
    """

    def __init__(self, table: Table, source: Source, before: TableState | None, reload: bool) -> None:
        self._table = table
        self._source = source
        self._before = before
        self._reload = reload
        self.place = source.place(table.database, table.source_name)
        self.key_is_unique = False

    def describe(self) -> Description:
        """The table as it is in the source. Raises `SyncError` where a pass must not go on with it."""
        self._refuse_other_source()
        description = self._described()
        self._refuse_vanished(description)
        self._refuse_unknown_key(description)
        if description.exists:
            self.key_is_unique = self._vouches(description)
            self._refuse_lost_key()
        elif self._before:
            self.key_is_unique = bool(self._before.key_is_unique)
        return description

    def refuse_vanished(self) -> None:
        """Raises `SyncError` where the table is gone from its source and rows came from it."""
        self._refuse_vanished(self._described())

    def _refuse_other_source(self) -> None:
        """Another table's rows would replace this one's in silence, or mix with them."""
        before = self._before
        if before and before.source != self.place and not self._reload:
            raise SyncError(
                f"{self._table.qualified}: its rows come from {before.source}, not from {self.place}. Correct"
                f" the URL, database or source_table, or replace the rows. {RELOAD}"
            )

    def _described(self) -> Description:
        """Raises `UnknownTableError`, with what became of the rows that came from the table."""
        try:
            return self._source.describe(self._table)
        except UnknownTableError as error:
            if not (self._before and self._before.rows):
                raise
            raise UnknownTableError(
                f"{error}. {self._before.rows} rows came from it, and were kept: where the table was dropped,"
                f" restore it, or delete its rows before you drop it"
            ) from error

    def _refuse_vanished(self, description: Description) -> None:
        if description.exists or self._table.deletes is Deletes.IGNORE:
            return
        if self._before and (self._before.rows or self._before.quarantined):
            name = f"{self._table.database}.{self._table.source_name}"
            raise SyncError(
                f"{self._table.qualified}: {name} is gone from {self._table.source}, but {self._before.rows}"
                f" rows came from it. Nothing was deleted: restore it, correct source_table in the"
                f" declaration, or delete the rows there before you drop the collection"
            )

    def _refuse_unknown_key(self, description: Description) -> None:
        names = [column.name for column in description.columns]
        if unknown := [part for part in self._table.key if part not in names]:
            raise SyncError(
                f"{self._table.qualified}: its key column {unknown[0]!r} is not among its columns"
                f" {', '.join(names)}; declare the key that it has, or its columns with this one's source="
            )

    def _vouches(self, description: Description) -> bool:
        """Whether the source has a unique key of no other columns than those of the table's."""
        names = {column.name: column.source_name for column in description.columns}
        key = {names[part] for part in self._table.key}
        return any(set(unique) <= key for unique in self._source.unique_keys(self._table))

    def _refuse_lost_key(self) -> None:
        """A key that is unique no more would make one row of several."""
        if self.key_is_unique:
            return
        table, key = self._table, ", ".join(self._table.key)
        lost = (
            f"{table.qualified}: ({key}) was a key of {self.place}, which has no unique key of these columns"
            f" any more. Make one there, or"
        )
        if table.catalog_key:
            raise SyncError(
                f"{lost} declare these columns if they are unique even so (--key {key.replace(' ', '')})."
                f" Or drop {table.qualified} and declare another key"
            )
        if self._declared_key_was_unique() and not self._reload:
            raise SyncError(f"{lost} go on with them if they are unique even so. {RELOAD}")

    def _declared_key_was_unique(self) -> bool:
        """Of another key, or of one that the catalog named, its declaration now knows better."""
        before = self._before
        if before is None or not before.key_is_unique or before.declaration is None:
            return False
        declared = from_json(before.declaration)
        return declared.key == self._table.key and not declared.catalog_key
