"""What may have changed, into a table of ours: each row is compared where it is written.

One statement finds a row by its key, compares and writes it. To find the difference first would read the
table twice.
"""

from __future__ import annotations

from sync.connections.psycopg import sql
from sync.spec import Deletes
from sync.targets.base import Differing
from sync.targets.postgresql.merge import Counts, OwnTable
from sync.targets.postgresql.names import WorkTables, column_list, equal
from sync.targets.postgresql.stamp import Stamp


class Upsert(OwnTable):
    """A part of the source was staged, and the keys of rows that may be gone: all others stay as they are."""

    _counts = Counts(0, 0, 0)
    _batch: int | None = None

    def _further_names(self, work: WorkTables) -> dict[str, sql.Composable]:
        return {
            "new_columns": column_list(self._names, "excluded"),
            "same_touched": equal(self._key, "s", "d"),
        }

    def write(self, stamp: Stamp) -> Counts:
        inserted, returned, written = self._upsert(stamp)
        if returned:
            self._sql.run("UPDATE {table} SET {batch} = {number} WHERE {batch} = -{number}", **stamp.values())
        deleted = self._delete(stamp) if self._table.deletes is Deletes.TOMBSTONE else 0
        self._counts = Counts(inserted + returned, written - inserted - returned, deleted)
        if self._counts.changed:
            self._record(stamp)
        self._batch = stamp.batch
        return self._counts

    def _upsert(self, stamp: Stamp) -> tuple[int, int, int]:
        """Write the staged rows; returns how many were new, how many had been deleted, and how many were
        written in all."""
        # No PostgreSQL before 18 returns what a row was: one that returns is marked by a negative batch for
        # a moment, and only a row that was there already has a locker (xmax).
        with self._one_row_a_key():
            ((inserted, returned, written),) = self._sql.rows(
                "WITH written AS (INSERT INTO {table} AS t ({columns}, {batch}, {changed_at})"
                " SELECT {columns}, {number}, coalesce({change_time}, {moment}) FROM {staged} d"
                " ON CONFLICT ({key}) DO UPDATE SET {assignments}"
                " {batch} = CASE WHEN t.{deleted} THEN -{number} ELSE {number} END,"
                " {changed_at} = greatest(excluded.{changed_at}, t.{changed_at} + '1 microsecond'),"
                " {deleted} = false"
                " WHERE t.{deleted} OR ROW({new_columns})::record *<> ROW({t_columns})::record"
                " RETURNING xmax = 0 AS inserted, {batch} < 0 AS returned)"
                " SELECT count(*) FILTER (WHERE inserted), count(*) FILTER (WHERE returned), count(*)"
                " FROM written",
                **stamp.values(),
            )
        return inserted, returned, written

    def _delete(self, stamp: Stamp) -> int:
        """Bury the rows whose keys were touched and not found."""
        if not self._sql.rows("SELECT FROM {touched} LIMIT 1"):
            return 0
        self._sql.run(
            "CREATE TEMP TABLE {delta} ON COMMIT DROP AS SELECT DISTINCT {key} FROM {touched} d"
            " WHERE NOT EXISTS (SELECT FROM {staged} s WHERE {same_touched})"
            " AND NOT EXISTS (SELECT FROM {rejected} r WHERE {same_rejected})"
        )
        self._sql.run("ANALYZE {delta}")  # mostly few: they are looked for by the table's index then
        return self._sql.run(
            "UPDATE {table} t SET {deleted} = true, {batch} = {number},"
            " {changed_at} = greatest({moment}, t.{changed_at} + '1 microsecond')"
            " FROM {delta} d WHERE {same_delta} AND NOT t.{deleted}",
            **stamp.values(),
        )

    def differing(self, limit: int) -> tuple[Differing, ...]:
        return ()  # a part is read since it may differ

    def covered(self, live_rows: int) -> int:
        # The keys that were staged and not written, which were found to be live, and the written rows that
        # are: this does not read the whole table.
        covered = self._sql.number(
            "SELECT (SELECT count(*) FROM (SELECT FROM {staged} GROUP BY {key}) AS keys) - {written}"
            " + (SELECT count(*) FROM {table} WHERE {batch} = {number} AND NOT {deleted})"
            " + (SELECT count(*) FROM {rejected})",
            written=sql.Literal(self._counts.inserted + self._counts.updated),
            number=sql.Literal(self._batch),
        )
        return self._refuse_twice(covered)
