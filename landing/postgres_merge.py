"""The three-way merge by key into a raw table of staging, whose rows carry the batch that changed them."""

from __future__ import annotations

from collections.abc import Sequence

from landing.postgres import SCHEMA, STAGED, identifiers
from landing.result import CONFLICT_KEYS_LISTED, Merged
from landing.spec import FileSpec
from landing.verdict import VERDICT_SQL, Verdict
from sync.connections.psycopg import Cursor, sql
from sync.newest_batches import store_batch, summarize
from sync.state import next_batch

_VERDICTS = (
    "CREATE TEMPORARY TABLE landing_verdicts ON COMMIT DROP AS SELECT {staged_key}, {verdict} AS verdict"
    " FROM {staged} f LEFT JOIN {landed} l USING ({key}) LEFT JOIN {target} s USING ({key})"
)
# The key may be there as a tombstone.
_INSERT = (
    "INSERT INTO {target} ({columns}, _batch, _changed_at, _deleted)"
    " SELECT {staged_columns}, %(batch)s, now(), false FROM {staged} f JOIN landing_verdicts v USING ({key})"
    " WHERE v.verdict = %(verdict)s ORDER BY f.number ON CONFLICT ({key}) DO UPDATE SET {new_values},"
    " _batch = excluded._batch, _changed_at = excluded._changed_at, _deleted = false"
)
_UPDATE = (
    "UPDATE {target} s SET {staged_values}, _batch = %(batch)s, _changed_at = now()"
    " FROM {staged} f JOIN landing_verdicts v USING ({key})"
    " WHERE v.verdict = %(verdict)s AND ({kept_key}) = ({staged_key})"
)
_REMEMBER = (
    "INSERT INTO {landed} ({columns}) SELECT {staged_columns} FROM {staged} f"
    " JOIN landing_verdicts v USING ({key}) WHERE v.verdict <> %(verdict)s"
    " ON CONFLICT ({key}) DO UPDATE SET {new_values}"
)
_CONFLICT_KEYS = (
    "SELECT concat_ws(',', {key}) FROM landing_verdicts WHERE verdict = %(verdict)s ORDER BY {key}"
)


class RawMerge:
    """Merges the staged rows of a file, inside the transaction of `cursor`."""

    def __init__(self, cursor: Cursor, spec: FileSpec) -> None:
        self._cursor = cursor
        self._target = sql.Identifier(*spec.target.split("."))
        self._names: dict[str, sql.Composable] = {
            "target": self._target,
            "landed": sql.Identifier(SCHEMA, spec.table),
            "staged": STAGED,
            "key": identifiers(spec.key),
            "staged_key": identifiers(spec.key, "f"),
            "kept_key": identifiers(spec.key, "s"),
            "columns": identifiers(spec.columns),
            "staged_columns": identifiers(spec.columns, "f"),
            "new_values": _assignments(spec.columns, "excluded"),
            "staged_values": _assignments(spec.columns, "f"),
            "verdict": _verdict(spec),
        }

    def run(self) -> Merged:
        """Merge; a batch number is drawn last, and only if there is something to write."""
        self._execute(_VERDICTS)
        self._execute("ANALYZE landing_verdicts")
        merged = self._counted()
        self._execute(_REMEMBER, verdict=Verdict.KNOWN)
        if merged.inserted or merged.updated:
            batch = next_batch(self._cursor)
            self._execute(_INSERT, batch=batch, verdict=Verdict.INSERTED)
            self._execute(_UPDATE, batch=batch, verdict=Verdict.UPDATED)
            store_batch(self._cursor, self._target, batch)
            summarize(self._cursor, self._target)
        return merged

    def _counted(self) -> Merged:
        self._execute("SELECT verdict, count(*) FROM landing_verdicts GROUP BY verdict")
        counts: dict[str, int] = dict(self._cursor.fetchall())
        self._execute(f"{_CONFLICT_KEYS} LIMIT {CONFLICT_KEYS_LISTED}", verdict=Verdict.CONFLICT)
        return Merged(
            inserted=counts.get(Verdict.INSERTED, 0),
            updated=counts.get(Verdict.UPDATED, 0),
            unchanged=counts.get(Verdict.KNOWN, 0) + counts.get(Verdict.ADOPTED, 0),
            conflicts=counts.get(Verdict.CONFLICT, 0),
            conflict_keys=tuple(key for (key,) in self._cursor.fetchall()),
        )

    def _execute(self, statement: str, **values: object) -> None:
        self._cursor.execute(sql.SQL(statement).format(**self._names), values)


def _verdict(spec: FileSpec) -> sql.Composable:
    first = spec.key[0]
    return sql.SQL(VERDICT_SQL).format(
        landed=sql.SQL("({} IS NOT NULL)").format(sql.Identifier("l", first)),
        kept=sql.SQL("({} IS NOT NULL AND NOT s._deleted)").format(sql.Identifier("s", first)),
        file_as_landed=_same(spec.columns, "f", "l"),
        file_as_kept=_same(spec.columns, "f", "s"),
        as_landed=_same(spec.columns, "s", "l"),
    )


def _same(columns: Sequence[str], one: str, other: str) -> sql.Composable:
    return sql.SQL("({}) IS NOT DISTINCT FROM ({})").format(
        identifiers(columns, one), identifiers(columns, other)
    )


def _assignments(columns: Sequence[str], source: str) -> sql.Composable:
    return sql.SQL(", ").join(
        sql.SQL("{} = {}").format(sql.Identifier(name), sql.Identifier(source, name)) for name in columns
    )
