"""A table of numbers in MySQL and a collection in MongoDB that change in the same ways, step by step."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Protocol

import pymysql
from pymongo import UpdateMany
from pymongo.database import Database

from sync.passes import Compare
from sync.spec import Column, Strategy, Table
from tests.integration.sync_support import Pipeline

IN_MYSQL = Table("numbers", "mysql", "shop", key=("id",), cursor="updated_at", history=True)
IN_MONGODB = Table(
    "numbers", "mongodb", "catalog", key=("_id",), cursor="updated_at", history=True,
    columns=(
        Column("_id", "text"), Column("n", "integer"), Column("note", "text"),
        Column("updated_at", "timestamptz"),
    ),
)  # fmt: skip


class Numbers(Protocol):
    """Rows of a source. A step updates a tenth of them, deletes some, brings one back and changes a key."""

    table: Table

    def fill(self, rows: int) -> None: ...

    def change(self, step: int) -> None: ...

    def rows(self) -> list[tuple[Any, ...]]:
        """Key as text, number and note, by key."""


@dataclass
class MySQLNumbers:
    connection: pymysql.Connection
    table: Table = IN_MYSQL

    def _run(self, *statements: str) -> tuple[tuple[Any, ...], ...]:
        with self.connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            return cursor.fetchall()

    def fill(self, rows: int) -> None:
        self._run(
            "CREATE TABLE numbers (id INT PRIMARY KEY, n INT, note VARCHAR(50), updated_at TIMESTAMP(6)"
            " DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6))",
            f"INSERT INTO numbers (id, n, note) SELECT seq, 0, CONCAT('row ', seq) FROM seq_1_to_{rows}",
        )

    def change(self, step: int) -> None:
        self._run(
            f"UPDATE numbers SET n = {step} WHERE id % 10 = {step % 10}",
            f"DELETE FROM numbers WHERE id % 97 = {step % 97}",
            f"INSERT IGNORE INTO numbers (id, n) VALUES ({(step - 1) % 97 or 97}, {step})",
            f"UPDATE numbers SET id = {1_000_000 + step} WHERE id % 89 = {step % 89} LIMIT 1",
        )

    def rows(self) -> list[tuple[Any, ...]]:
        found = self._run("SELECT CAST(id AS CHAR), n, note FROM numbers")
        return sorted(found)


@dataclass
class MongoDBNumbers:
    catalog: Database[dict[str, Any]]
    table: Table = IN_MONGODB

    def fill(self, rows: int) -> None:
        now = datetime.now(UTC)
        self.catalog.numbers.insert_many(
            [{"_id": i, "n": 0, "note": f"row {i}", "updated_at": now} for i in range(1, rows + 1)]
        )

    def change(self, step: int) -> None:
        now, numbers = datetime.now(UTC), self.catalog.numbers
        numbers.bulk_write(
            [UpdateMany({"_id": {"$mod": [10, step % 10]}}, {"$set": {"n": step, "updated_at": now}})]
        )
        numbers.delete_many({"_id": {"$mod": [97, step % 97]}})
        back = {"$setOnInsert": {"n": step, "updated_at": now}}
        numbers.update_one({"_id": (step - 1) % 97 or 97}, back, upsert=True)
        if moved := numbers.find_one_and_delete({"_id": {"$mod": [89, step % 89]}}):
            numbers.insert_one({**moved, "_id": 1_000_000 + step, "updated_at": now})

    def rows(self) -> list[tuple[Any, ...]]:
        found = self.catalog.numbers.find()
        return sorted((f"int:{each['_id']}", each["n"], each.get("note")) for each in found)


def following(numbers: Numbers, strategy: Strategy) -> Table:
    return replace(numbers.table, strategy=strategy)


def assert_consistent(pipeline: Pipeline, table: Table) -> None:
    """Rows, change log and state are those of one committed pass, whatever happened to the next."""
    if pipeline.query("SELECT to_regclass('history.numbers')") == [(None,)]:
        return
    (key,) = table.key
    difference = (
        f"SELECT count(*) FROM raw.numbers r FULL JOIN (SELECT DISTINCT ON ({key}) * FROM history.numbers"
        f" ORDER BY {key}, _changed_at DESC) h USING ({key}) WHERE r IS DISTINCT FROM h"
    )
    assert pipeline.query(difference) == [(0,)]
    state = "SELECT rows, batch FROM sync.tables"
    live = "SELECT count(*) FILTER (WHERE NOT _deleted), max(_batch) FROM raw.numbers"
    assert pipeline.query(state) in ([], pipeline.query(live))


def assert_equal_after_a_pass(pipeline: Pipeline, table: Table, numbers: Numbers) -> None:
    pipeline.run(table, compare=Compare.COUNTS)
    (key,) = table.key
    live = pipeline.query(f"SELECT {key}::text, n, note FROM raw.numbers WHERE NOT _deleted")
    assert sorted(live) == numbers.rows()
    assert_consistent(pipeline, table)
