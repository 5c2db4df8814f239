"""In whatever order a source is altered and written: its table shows what it shows, pass after pass."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pymysql
import pytest

from sync.errors import SyncError
from sync.passes import Compare
from sync.spec import Table
from tests.integration.sync_support import TABLE_STRATEGIES, Pipeline

Shop = pymysql.Connection
# Types that each hold all of the one before.
WIDER = [
    ["SMALLINT", "INT", "BIGINT", "DECIMAL(22,1)", "DECIMAL(30,5)"],
    ["VARCHAR(5)", "VARCHAR(50)", "TEXT"],
    ["DATETIME", "DATETIME(2)", "DATETIME(6)"],
    ["TINYINT UNSIGNED", "INT UNSIGNED", "BIGINT UNSIGNED"],
]
ITEMS = Table("items", "mysql", "shop", key=("id",), history=True)


@dataclass
class Changing:
    """A table of the shop that changes its shape and its rows at random."""

    shop: Shop
    random: random.Random
    columns: dict[str, tuple[int, int]] = field(default_factory=dict)  # of WIDER: which, and how far
    rows: int = 0
    made: int = 0

    def execute(self, statement: str) -> None:
        with self.shop.cursor() as cursor:
            cursor.execute(statement)

    def create(self) -> None:
        self.execute("CREATE TABLE items (id INT PRIMARY KEY, updated_at TIMESTAMP(6) NOT NULL)")

    def step(self) -> None:
        steps: list[Callable[[], None]] = [self.insert, self.insert, self.update, self.update, self.delete]
        self.random.choice([*steps, self.add, self.add, self.widen, self.widen, self.drop])()

    def value(self, name: str) -> str:
        return str(
            self.random.choice(["NULL", "7", "0"] if self.columns[name][0] != 2 else ["'2024-02-29 01:02'"])
        )

    def insert(self) -> None:
        self.rows += 1
        values = "".join(f", {self.value(name)}" for name in self.columns)
        names = "".join(f", {name}" for name in self.columns)
        self.execute(f"INSERT INTO items (id, updated_at{names}) VALUES ({self.rows}, NOW(6){values})")

    def update(self) -> None:
        if self.rows and self.columns:
            name = self.random.choice(list(self.columns))
            number = self.random.randint(1, self.rows)
            change = f"{name} = {self.value(name)}, updated_at = NOW(6)"
            self.execute(f"UPDATE items SET {change} WHERE id = {number}")

    def delete(self) -> None:
        self.execute(f"DELETE FROM items WHERE id = {self.random.randint(1, self.rows + 1)}")

    def add(self) -> None:
        self.made += 1
        name, kind = f"c{self.made}", self.random.randrange(len(WIDER))
        self.columns[name] = (kind, 0)
        self.execute(f"ALTER TABLE items ADD {name} {WIDER[kind][0]} DEFAULT {self.value(name)}")

    def widen(self) -> None:
        for name, (kind, width) in self.columns.items():
            if width + 1 < len(WIDER[kind]) and self.random.random() < 0.5:
                self.columns[name] = (kind, width + 1)
                self.execute(f"ALTER TABLE items MODIFY {name} {WIDER[kind][width + 1]}")

    def drop(self) -> None:
        if self.columns:
            name = self.random.choice(list(self.columns))
            del self.columns[name]
            self.execute(f"ALTER TABLE items DROP {name}")

    def shown(self) -> list[tuple[object, ...]]:
        with self.shop.cursor() as cursor:
            cursor.execute(f"SELECT {', '.join(['id', *self.columns])} FROM items ORDER BY id")
            return list(cursor.fetchall())


@pytest.mark.parametrize("seed", range(3))
def test_a_table_shows_what_its_source_shows_however_that_is_altered(
    pipeline: Pipeline, shop: Shop, seed: int
) -> None:
    items = Changing(shop, random.Random(seed))
    items.create()
    tables = [replace(ITEMS, strategy=strategy, cursor="updated_at") for strategy in TABLE_STRATEGIES]
    for _ in range(8):
        for _ in range(items.random.randint(1, 6)):
            items.step()
        table = items.random.choice(tables)
        try:
            pipeline.run(table, compare=Compare.COUNTS)
        except SyncError as refused:  # a column went, and one of its type came: a reload says it is another
            assert "is gone from the source" in str(refused)
            pipeline.run(table, reload=True)
        arrived = f"SELECT {', '.join(['id', *items.columns])} FROM raw.items WHERE NOT _deleted ORDER BY id"
        assert pipeline.query(arrived) == items.shown()
