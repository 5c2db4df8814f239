"""Of each key the greatest row that ever came, into a table of ours.

The order is that of the declared cursor (NULL is least), then of the time, the name and the line of the
object that brought the row. It is stored with the row, so one that comes late finds its place among those
before.
"""

from __future__ import annotations

from sync.connections.psycopg import sql
from sync.spec import OBJECT_LINE, OBJECT_NAME, OBJECT_TIME
from sync.targets.postgresql.merge import Counts
from sync.targets.postgresql.names import WorkTables, column_list, equal, identifier
from sync.targets.postgresql.stamp import Stamp
from sync.targets.postgresql.upsert import Upsert


class Newest(Upsert):
    """Some rows were staged, several of a key perhaps."""

    _superseded = _buried = 0

    def _further_names(self, work: WorkTables) -> dict[str, sql.Composable]:
        order = [self._table.cursor] if self._table.cursor else []
        order += [OBJECT_TIME, OBJECT_NAME, OBJECT_LINE]
        ranked = [*self._key, *(name for name in order if name not in self._key)]
        return {
            **super()._further_names(work),
            "s_ranked": column_list(ranked, "s"),
            "t_ranked": column_list(ranked, "t"),
            "same_staged": equal(self._key, "s", "t"),
            "greatest": sql.SQL(", ").join(
                sql.SQL('{} COLLATE "C" DESC' if name == OBJECT_NAME else "{} DESC NULLS LAST").format(
                    identifier(name)
                )
                for name in order
            ),
            "deleted_by": identifier(self._table.deleted_by or ""),
        }

    def write(self, stamp: Stamp) -> Counts:
        # A row that is read again takes its own place: it may have been changed here.
        self._superseded = self._sql.run(
            "WITH ranked AS (SELECT place, row_number() OVER (PARTITION BY {key} ORDER BY {greatest},"
            " is_stored) AS rank FROM (SELECT s.ctid AS place, false AS is_stored, {s_ranked} FROM {staged} s"
            " UNION ALL SELECT NULL::tid, true, {t_ranked} FROM {table} t"
            " WHERE EXISTS (SELECT FROM {staged} s WHERE {same_staged})) AS known)"
            " DELETE FROM {staged} d USING ranked WHERE d.ctid = ranked.place AND ranked.rank > 1"
        )
        return super().write(stamp)

    def _delete(self, stamp: Stamp) -> int:
        """Bury what says of itself that it is deleted."""
        if not self._table.deleted_by:
            return 0
        self._buried = self._sql.run(
            "UPDATE {table} SET {deleted} = true WHERE {batch} = {number} AND {deleted_by}", **stamp.values()
        )
        return self._buried

    def covered(self, live_rows: int) -> int:
        return super().covered(live_rows) + self._superseded + self._buried
