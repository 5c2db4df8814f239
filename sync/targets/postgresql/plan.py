"""What has to be done to the target's tables before rows are written, put together and done later."""

from __future__ import annotations

from dataclasses import dataclass, field

from sync.connections import psycopg
from sync.connections.psycopg import Cursor, sql
from sync.errors import SyncError
from sync.spec import Column
from sync.targets.postgresql.names import identifier


@dataclass
class Plan:
    """Statements, for the transaction that writes the rows. `complete` says that rows which are there already
    lack something that only a complete reading brings."""

    statements: list[sql.Composed] = field(default_factory=list)
    complete: bool = False

    def add(self, statement: str, **names: sql.Composable) -> None:
        self.statements.append(sql.SQL(statement).format(**names))

    def describe_table(self, schema: str, name: str, description: str) -> None:
        self.add(
            "COMMENT ON TABLE {name} IS {text}", name=identifier(schema, name), text=sql.Literal(description)
        )

    def describe(self, schema: str, name: str, column: Column) -> None:
        self.add(
            "COMMENT ON COLUMN {column} IS {text}",
            column=identifier(schema, name, column.name),
            text=sql.Literal(column.description),
        )

    def run(self, cursor: Cursor) -> None:
        """Raises `SyncError` where something that was made from the table, as a view, is in the way."""
        for statement in self.statements:
            try:
                cursor.execute(statement)
            except (
                psycopg.errors.FeatureNotSupported,
                psycopg.errors.DependentObjectsStillExist,
            ) as error:
                raise SyncError(
                    f"{statement.as_string(cursor)}: {error.diag.message_primary}"
                    f" ({error.diag.message_detail}); drop that, and make it again after the pass"
                ) from error
