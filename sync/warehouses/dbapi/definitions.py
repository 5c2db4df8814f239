"""How a system says its definitions: names, schemas, tables, what stands around a table, views."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from sync.warehouses.changes import Comment, Completion, NotNull, PrimaryKey
from sync.warehouses.contract import Capabilities
from sync.warehouses.schema import ForeignKey, Index, TableName, TableSchema


class Definitions(ABC):
    """The part of a `Dialect` that makes tables and views. `not_null_when_made` says that a table which is
    loaded anew is made with NOT NULL, for adding that later costs a reorganization or cannot be done.
    `has_primary_keys`: a key that is declared is enforced or of use; else a table gets NOT NULL alone."""

    not_null_when_made: ClassVar[bool] = False
    has_primary_keys: ClassVar[bool] = True

    @property
    @abstractmethod
    def capabilities(self) -> Capabilities: ...

    # Names and literals.

    def quote(self, name: str) -> str:
        return '"' + name.replace('"', '""') + '"'

    def table(self, name: TableName) -> str:
        return f"{self.quote(name.schema)}.{self.quote(name.table)}"

    def literal(self, text: str | None) -> str:
        return "NULL" if text is None else "'" + text.replace("'", "''") + "'"

    def seconds_from_now(self, seconds: float) -> str:
        """A time by the server's clock."""
        return f"CURRENT_TIMESTAMP + INTERVAL '{seconds:g}' SECOND"

    # Definitions.

    def create_schema(self, schema: str) -> str | None:
        """None where there is nothing to create. It may fail where the schema is there."""
        return f"CREATE SCHEMA {self.quote(schema)}"

    def create_table(
        self,
        table: str,
        columns: Sequence[tuple[str, str]],
        key: Sequence[str] = (),
        not_null: Sequence[str] = (),
    ) -> str:
        filled = {*key, *not_null}
        listed = [f"{self.quote(name)} {type_}" + " NOT NULL" * (name in filled) for name, type_ in columns]
        if key and self.has_primary_keys:
            listed.append(f"PRIMARY KEY ({', '.join(map(self.quote, key))})")
        return f"CREATE TABLE {table} ({', '.join(listed)})"

    def create_work_table(self, table: str, columns: Sequence[tuple[str, str]]) -> str:
        """A table that lives no longer than a pass."""
        return self.create_table(table, columns)

    def collect(self, table: str, columns: Sequence[str], query: str) -> str:
        """Fill a work table with the rows of a query, whose columns have these names."""
        return f"INSERT INTO {table} ({', '.join(map(self.quote, columns))}) {query}"

    def insert_first(self, table: str, columns: Sequence[str], values: Sequence[str]) -> str:
        """Give a table of the engine's its only row. Several passes may do so at once: where no key refuses
        the second row, a MERGE fails or waits, and then finds the row that is there."""
        if self.has_primary_keys:
            return f"INSERT INTO {table} VALUES ({', '.join(values)})"
        listed = ", ".join(map(self.quote, columns))
        return (
            f"MERGE INTO {table} AS t USING (SELECT 1 AS one) AS i ON 1 = 1"
            f" WHEN NOT MATCHED THEN INSERT ({listed}) VALUES ({', '.join(values)})"
        )

    def rename_table(self, table: TableName, to: str) -> str:
        return f"ALTER TABLE {self.table(table)} RENAME TO {self.quote(to)}"

    def add_column(self, table: str, column: str, type_: str) -> str:
        return f"ALTER TABLE {table} ADD COLUMN {self.quote(column)} {type_}"

    def drop_not_null(self, table: str, column: str) -> Sequence[str]:
        return [f"ALTER TABLE {table} ALTER COLUMN {self.quote(column)} DROP NOT NULL"]

    def drop_constraint(self, table: str, constraint: str) -> str:
        return f"ALTER TABLE {table} DROP CONSTRAINT {self.quote(constraint)}"

    def complete(self, schema: TableSchema, step: Completion) -> Sequence[str]:
        """The statements that add a key, NOT NULL, an index or a comment; none for what the system lacks."""
        table = self.table(schema.name)
        if isinstance(step, PrimaryKey):
            return [
                *(self.set_not_null(table, column) for column in step.columns),
                f"ALTER TABLE {table} ADD PRIMARY KEY ({', '.join(map(self.quote, step.columns))})",
            ]
        if isinstance(step, NotNull):
            return [self.set_not_null(table, step.column)]
        if isinstance(step, Index):
            return self.create_index(schema.name, step)
        if isinstance(step, ForeignKey):
            return [
                f"ALTER TABLE {table} ADD CONSTRAINT {self.quote(step.name)}"
                f" FOREIGN KEY ({', '.join(map(self.quote, step.columns))})"
                f" REFERENCES {self.table(step.parent)} ({', '.join(map(self.quote, step.parent_columns))})"
            ]
        return self.comment(schema.name, step)

    def set_not_null(self, table: str, column: str) -> str:
        return f"ALTER TABLE {table} ALTER COLUMN {self.quote(column)} SET NOT NULL"

    def staged(self, table: TableName, key: Sequence[str]) -> Sequence[str]:
        """What makes the rows of a work table quick to find, once all are there."""
        return []

    def create_index(self, table: TableName, index: Index) -> Sequence[str]:
        if index.columns is None:
            return []
        name = "_".join([table.table, *index.columns, "idx"])[:60]
        listed = ", ".join(map(self.quote, index.columns))
        return [f"CREATE INDEX {self.quote(name)} ON {self.table(table)} ({listed})"]

    def comment(self, table: TableName, comment: Comment) -> Sequence[str]:
        if comment.column is None:
            return [f"COMMENT ON TABLE {self.table(table)} IS {self.literal(comment.text or '')}"]
        name = f"{self.table(table)}.{self.quote(comment.column)}"
        return [f"COMMENT ON COLUMN {name} IS {self.literal(comment.text or '')}"]

    def create_materialized(self, name: str, query: str) -> str:
        """A materialized view, or a table with the columns of the query where the system has none."""
        if self.capabilities.materialized_views:
            return f"CREATE MATERIALIZED VIEW {name} AS {query}"
        return f"CREATE TABLE {name} AS {query} WITH NO DATA"

    def drop_materialized(self, name: str) -> str:
        return f"DROP {'MATERIALIZED VIEW' if self.capabilities.materialized_views else 'TABLE'} {name}"

    @property
    def is_materialized_empty(self) -> bool:
        """Whether `create_materialized` leaves the rows to a refresh."""
        return not self.capabilities.materialized_views

    def refresh_materialized(self, name: str, query: str) -> Sequence[str]:
        """The statements, one transaction, that compute it anew."""
        if self.capabilities.materialized_views:
            return [f"REFRESH MATERIALIZED VIEW {name}"]
        return [f"DELETE FROM {name}", f"INSERT INTO {name} {query}"]

    def grant(self, view: TableName, role: str) -> Sequence[str]:
        return [
            f"GRANT USAGE ON SCHEMA {self.quote(view.schema)} TO {self.quote(role)}",
            f"GRANT SELECT ON {self.table(view)} TO {self.quote(role)}",
        ]
