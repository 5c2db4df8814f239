"""What a declaration hides from now on must not stay where it arrived before: in rows that are gone from the
source, in the change log, in documents. The quarantine needs nothing: the pass reads all of the table, and
keeps there only what it rejects itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sync.connections.psycopg import sql
from sync.declaration import from_json
from sync.spec import Column, Table
from sync.table_state import TableState
from sync.targets.postgresql.catalog import ExistingColumn
from sync.targets.postgresql.names import DELETED, RESERVED, identifier, stored_name
from sync.targets.postgresql.plan import Plan

DOCUMENT = "document"  # the column of MongoDB's documents where none is declared
# `over` says that a row is a version which no pass will write again.
KEY_MASK = "encode(sha256(convert_to({column}::text, 'UTF8')), 'hex')"
MASK = (
    "CASE WHEN {over} THEN encode(sha256(convert_to({value}, 'UTF8')), 'hex')"
    " ELSE upper(encode(sha256(convert_to({value}, 'UTF8')), 'hex')) END"
)
# Follows a path as MongoDB does: through arrays and arrays in these, and by names that hold dots.
IN_ARRAY = """
    WITH RECURSIVE walk (value, place, in_array) AS (
        SELECT {document}, 0, false
        UNION ALL
        SELECT next.* FROM walk w CROSS JOIN LATERAL (
            SELECT w.value -> array_to_string(({path}::text[])[w.place + 1 : upto], '.'), upto, w.in_array
            FROM generate_series(w.place + 1, {length}) AS upto
            WHERE jsonb_typeof(w.value) = 'object'
            UNION ALL
            SELECT element, w.place, true FROM jsonb_array_elements(
                CASE jsonb_typeof(w.value) WHEN 'array' THEN w.value END
            ) AS element
        ) AS next (value, place, in_array)
        WHERE w.place < {length} AND next.value IS NOT NULL
    )
    SELECT FROM walk WHERE place = {length} AND in_array AND value <> 'null'
"""
ABSENT = "CASE WHEN {over} THEN {document} #- {path} ELSE jsonb_set({document}, {path}, 'null') END"


@dataclass(frozen=True)
class Hidden:
    """Columns that are masked since the last pass, and by their paths the fields of the document in column
    `document` that are masked or left out since the last pass. Columns named in `absent` are not to be there,
    in whatever case where the source matches names so, but for those in `kept`."""

    masked: frozenset[str] = frozenset()
    absent: frozenset[str] = frozenset()
    kept: frozenset[str] = frozenset()
    any_case: bool = False
    document: str | None = None
    masked_fields: tuple[str, ...] = ()
    absent_fields: tuple[str, ...] = ()

    def drops(self, stored: str) -> bool:
        """Whether the column that the target keeps under this name is not to be there."""
        absent = {stored_name(name) for name in self.absent}
        if stored in self.kept | RESERVED:
            return False
        return stored in absent or (self.any_case and stored.lower() in {name.lower() for name in absent})


def newly_hidden(table: Table, columns: Sequence[Column], before: TableState | None) -> Hidden:
    """What `table` hides that its declaration at the last pass did not. A release that kept no declaration
    leaves nothing to compare with."""
    if before is None or before.declaration is None:
        return Hidden()
    last = from_json(before.declaration)
    were = {column.name for column in last.columns if column.mask}
    masked = [column for column in table.columns if column.mask and column.name not in were]
    sources = {column.source_name for column in masked}
    # Where the masked column has another name than the plain one had.
    plain = {column.name for column in last.columns if column.source_name in sources} | sources
    undeclared = DOCUMENT if table.source == "mongodb" and not table.columns else None
    return Hidden(
        masked=frozenset(column.name for column in masked),
        absent=table.exclude | plain,
        kept=frozenset(stored_name(column.name) for column in columns),
        any_case=table.source == "mysql",
        document=table.document or undeclared,
        masked_fields=tuple(sorted(sources)),
        absent_fields=tuple(sorted(table.exclude - last.exclude)),
    )


def plan_concealment(
    plan: Plan, table: Table, schema: str, existing: Mapping[str, ExistingColumn], hidden: Hidden
) -> dict[str, ExistingColumn]:
    """Hide it in the table of `schema`, the raw one or the change log; returns its columns then.

    A live row gets another value than the pass will read: it is written once more then, and what was built
    from it learns of it.
    """
    columns = dict(existing)
    names = {
        "table": identifier(schema, table.name),
        "over": identifier(DELETED) if schema == table.schema else sql.SQL("true"),
    }
    for name in sorted(hidden.masked):
        if there := columns.get(stored_name(name)):
            mask = MASK.replace("{value}", "{column}::text") if name not in table.key else KEY_MASK
            plan.add(
                f"ALTER TABLE {{table}} ALTER COLUMN {{column}} TYPE text USING {mask}",
                column=identifier(name),
                **names,
            )
            columns[there.name] = replace(there, type="text")
    for name in filter(hidden.drops, [*columns]):
        del columns[name]
        plan.add("ALTER TABLE {table} DROP COLUMN {column}", column=identifier(name), **names)
    if hidden.document and stored_name(hidden.document) in columns:
        _plan_fields(plan, hidden, {"document": identifier(hidden.document), **names})
    return columns


def _plan_fields(plan: Plan, hidden: Hidden, shown: Mapping[str, sql.Composable]) -> None:
    """Change the fields of the documents. Where one lies in an array, for which there is no operator, the
    whole document goes: the pass writes it anew where the row is live."""
    mask = MASK.replace("{value}", "{document} #>> {path}")
    changes = [
        *((path, f"jsonb_set({{document}}, {{path}}, to_jsonb({mask}))") for path in hidden.masked_fields),
        *((path, ABSENT) for path in hidden.absent_fields),
    ]
    for path, change in changes:
        keys = path.split(".")
        for names in _readings(keys):
            plan.add(
                f"UPDATE {{table}} SET {{document}} = {change} WHERE {{document}} #>> {{path}} IS NOT NULL",
                path=sql.Literal(names),
                **shown,
            )
        if len(keys) > 1:
            plan.add(
                "UPDATE {table} SET {document} = NULL"
                f" WHERE {{document}} ?| {{first}} AND EXISTS ({IN_ARRAY})",
                first=sql.Literal([names[0] for names in _readings(keys)]),
                path=sql.Literal(keys),
                length=sql.Literal(len(keys)),
                **shown,
            )


def _readings(keys: Sequence[str]) -> list[list[str]]:
    """The ways to read a path: each dot may also belong to a name."""
    if not keys:
        return [[]]
    return [
        [".".join(keys[:length]), *rest]
        for length in range(1, len(keys) + 1)
        for rest in _readings(keys[length:])
    ]
