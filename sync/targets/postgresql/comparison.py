"""A complete reading of the source into a table of ours: the difference is found first and then applied."""

from __future__ import annotations

from sync.connections.psycopg import sql
from sync.spec import Deletes
from sync.targets.base import Differing
from sync.targets.postgresql.merge import Counts, OwnTable
from sync.targets.postgresql.names import HASH, WorkTables, column_list, equal, identifier, stored_name
from sync.targets.postgresql.stamp import Stamp


class Comparison(OwnTable):
    """All rows of the source were staged: one of the table that is not among them is gone."""

    def _further_names(self, work: WorkTables) -> dict[str, sql.Composable]:
        key = self._key
        values = [name for name in self._names if name not in key]
        either = sql.SQL("coalesce({s}, {t}) AS {name}")
        return {
            "rows": work.staged if self._table.key else work.keyed,
            "s_columns": column_list(self._names, "s"),
            "s_key": sql.Identifier("s", stored_name(key[0])),
            "t_key": sql.Identifier("t", stored_name(key[0])),
            "either_key": sql.SQL(", ").join(
                either.format(
                    s=sql.Identifier("s", stored_name(part)),
                    t=sql.Identifier("t", stored_name(part)),
                    name=identifier(part),
                )
                for part in key
            ),
            "s_values": sql.SQL("").join(
                sql.SQL(", {}").format(sql.Identifier("s", stored_name(name))) for name in values
            ),
            "same_key": equal(key, "s", "t"),
            "follow_deletes": sql.Literal(self._table.deletes is Deletes.TOMBSTONE),
        }

    def write(self, stamp: Stamp) -> Counts:
        if not self._table.key:
            self._number_equal_rows()
        self._find()
        counts = self._sql.count_delta()
        if counts.changed:
            self._apply(stamp)
        return counts

    def _number_equal_rows(self) -> None:
        """Without a key a table is a multiset: a row's hash and its number among equals identify it."""
        self._sql.run(
            "CREATE TEMP TABLE {keyed} ON COMMIT DROP AS SELECT hashed.*, encode({hash}, 'hex') || '-'"
            " || row_number() OVER (PARTITION BY {hash}) AS {key}"
            " FROM (SELECT s.*, sha256(convert_to(s::text, 'UTF8')) AS {hash} FROM {staged} s) hashed",
            hash=identifier(HASH),
        )

    def _find(self) -> None:
        self._sql.run(
            "CREATE TEMP TABLE {delta} ON COMMIT DROP AS SELECT {either_key} {s_values}, CASE"
            " WHEN {s_key} IS NULL THEN 'delete' WHEN {t_key} IS NULL OR t.{deleted} THEN 'insert'"
            " ELSE 'update' END AS {operation}"
            " FROM {rows} s FULL JOIN {table} t ON {same_key}"
            " WHERE ({s_key} IS NULL AND NOT t.{deleted} AND {follow_deletes}) OR ({s_key} IS NOT NULL"
            " AND ({t_key} IS NULL OR t.{deleted} OR ROW({s_columns})::record *<> ROW({t_columns})::record))"
        )
        if self._table.key:  # a row in quarantine is not gone, it stays as it last was
            self._sql.run(
                "DELETE FROM {delta} d USING {rejected} r WHERE d.{operation} = 'delete' AND {same_rejected}"
            )

    def _apply(self, stamp: Stamp) -> None:
        self._sql.run("ANALYZE {delta} ({key})")
        with self._one_row_a_key():
            self._sql.run(
                "INSERT INTO {table} AS t ({columns}, {batch}, {changed_at})"
                " SELECT {columns}, {number}, coalesce({change_time}, {moment})"
                " FROM {delta} d WHERE d.{operation} <> 'delete'"
                " ON CONFLICT ({key}) DO UPDATE SET {assignments} {batch} = excluded.{batch},"
                " {changed_at} = greatest(excluded.{changed_at}, t.{changed_at} + '1 microsecond'),"
                " {deleted} = false",
                **stamp.values(),
            )
        self._sql.run(
            "UPDATE {table} t SET {deleted} = true, {batch} = {number},"
            " {changed_at} = greatest({moment}, t.{changed_at} + '1 microsecond')"
            " FROM {delta} d WHERE d.{operation} = 'delete' AND {same_delta}",
            **stamp.values(),
        )
        self._record(stamp)

    def differing(self, limit: int) -> tuple[Differing, ...]:
        return self._sql.differing(limit)

    def covered(self, live_rows: int) -> int:
        if self._table.deletes is Deletes.IGNORE:
            # Then the table has further rows, which were not staged.
            covered = self._sql.number(
                "SELECT count(*) FROM {table} t"
                " WHERE NOT t.{deleted} AND EXISTS (SELECT FROM {rows} s WHERE {same_key})"
            )
            covered += self._sql.number("SELECT count(*) FROM {rejected}")
        elif self._table.key:
            covered = live_rows + self._sql.number(
                "SELECT count(*) FROM {rejected} r"
                " WHERE NOT EXISTS (SELECT FROM {table} d WHERE {same_rejected} AND NOT d.{deleted})"
            )
        else:
            covered = live_rows + self._sql.number("SELECT count(*) FROM {rejected}")
        return self._refuse_twice(covered)
