"""The three-way merge by key inside one MySQL server."""

from __future__ import annotations

from dataclasses import dataclass

from pymysql.cursors import Cursor

from landing.mysql import column_list, quoted
from landing.result import CONFLICT_KEYS_LISTED, Merged
from landing.verdict import VERDICT_SQL, Verdict


@dataclass(frozen=True)
class KeyedMerge:
    """Merge the rows of table `file` into `target`, where `landed` keeps what the file said last; all three
    are quoted names. `columns` are those of the file, its `key` among them, and no key occurs twice."""

    file: str
    landed: str
    target: str
    key: tuple[str, ...]
    columns: tuple[str, ...]
    order: str

    def run(self, cursor: Cursor) -> Merged:
        """Merge inside the transaction of `cursor`.

        Each statement names a temporary table once, since MySQL cannot open one twice.
        """
        self._judge(cursor)
        columns, verdicts = column_list(self.columns), f"landing_verdicts v USING ({column_list(self.key)})"
        rows = f"SELECT {column_list(self.columns, 'f')} FROM {self.file} f JOIN {verdicts}"
        cursor.execute(
            f"INSERT INTO {self.target} ({columns}) {rows} WHERE v.verdict = '{Verdict.INSERTED}'"
            f" ORDER BY f.{quoted(self.order)}"
        )
        if changing := [name for name in self.columns if name not in self.key]:
            values = ", ".join(f"s.{quoted(name)} = f.{quoted(name)}" for name in changing)
            cursor.execute(
                f"UPDATE {self.target} s JOIN {self.file} f USING ({column_list(self.key)}) JOIN {verdicts}"
                f" SET {values} WHERE v.verdict = '{Verdict.UPDATED}'"
            )
        cursor.execute(f"REPLACE INTO {self.landed} ({columns}) {rows} WHERE v.verdict <> '{Verdict.KNOWN}'")
        return self._counted(cursor)

    def _judge(self, cursor: Cursor) -> None:
        """Compare, and lock the target's rows that the file speaks of."""
        on = {alias: self._equal_keys("f", alias) for alias in "ls"}
        first, key = quoted(self.key[0]), column_list(self.key)
        verdict = VERDICT_SQL.format(
            landed=f"(l.{first} IS NOT NULL)",
            kept=f"(s.{first} IS NOT NULL)",
            file_as_landed=self._same("f", "l"),
            file_as_kept=self._same("f", "s"),
            as_landed=self._same("s", "l"),
        )
        cursor.execute("DROP TEMPORARY TABLE IF EXISTS landing_verdicts")
        cursor.execute(
            f"CREATE TEMPORARY TABLE landing_verdicts (verdict varchar(10), PRIMARY KEY ({key}))"
            f" SELECT {key} FROM {self.file} LIMIT 0"
        )
        # MySQL takes no FOR UPDATE in the statement that makes the table.
        cursor.execute(
            f"INSERT INTO landing_verdicts ({key}, verdict)"
            f" SELECT {column_list(self.key, 'f')}, {verdict} FROM {self.file} f"
            f" LEFT JOIN {self.landed} l ON {on['l']} LEFT JOIN {self.target} s ON {on['s']} FOR UPDATE"
        )

    def _equal_keys(self, one: str, other: str) -> str:
        return " AND ".join(f"{one}.{quoted(name)} = {other}.{quoted(name)}" for name in self.key)

    def _same(self, one: str, other: str) -> str:
        """Equal to the byte: as text, `Zoe` and `zoë` would be the same under most collations."""
        return " AND ".join(
            f"CAST({one}.{quoted(name)} AS BINARY) <=> CAST({other}.{quoted(name)} AS BINARY)"
            for name in self.columns
        )

    def _counted(self, cursor: Cursor) -> Merged:
        cursor.execute("SELECT verdict, count(*) FROM landing_verdicts GROUP BY verdict")
        counts: dict[str, int] = dict(cursor.fetchall())
        key = column_list(self.key)
        cursor.execute(
            f"SELECT CONCAT_WS(',', {key}) FROM landing_verdicts WHERE verdict = '{Verdict.CONFLICT}'"
            f" ORDER BY {key} LIMIT {CONFLICT_KEYS_LISTED}"
        )
        keys = tuple(str(name) for (name,) in cursor)
        cursor.execute("DROP TEMPORARY TABLE landing_verdicts")
        return Merged(
            inserted=counts.get(Verdict.INSERTED, 0),
            updated=counts.get(Verdict.UPDATED, 0),
            unchanged=counts.get(Verdict.KNOWN, 0) + counts.get(Verdict.ADOPTED, 0),
            conflicts=counts.get(Verdict.CONFLICT, 0),
            conflict_keys=keys,
        )
