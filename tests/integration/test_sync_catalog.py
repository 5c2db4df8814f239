"""What a table takes over from its source's catalog, and what it leaves there."""

from __future__ import annotations

from contextlib import closing

import pymysql
import pytest

from sync.sources.mysql.source import MySQLSource
from sync.spec import Table
from tests.conftest import MySQLUrls
from tests.integration.sync_support import Pipeline, execute

Shop = pymysql.Connection
MEMBERS = Table("members", "mysql", "shop", key=("id",))


def test_unique_and_not_null_columns_of_the_source_are_plain_columns(pipeline: Pipeline, shop: Shop) -> None:
    execute(
        shop,
        "CREATE TABLE members (id INT PRIMARY KEY, mail VARCHAR(50) NOT NULL DEFAULT 'none' UNIQUE,"
        " age INT NOT NULL CHECK (age > 0))",
        "INSERT INTO members VALUES (1, 'ann', 30), (2, 'bob', 40)",
    )
    pipeline.run(MEMBERS)
    # Two rows change places, which a unique key would not let them do one after the other.
    execute(
        shop,
        "UPDATE members SET mail = 'x' WHERE id = 1",
        "UPDATE members SET mail = 'ann' WHERE id = 2",
        "UPDATE members SET mail = 'bob' WHERE id = 1",
        "ALTER TABLE members MODIFY mail VARCHAR(50) NULL, MODIFY age INT NULL",
        "INSERT INTO members VALUES (3, NULL, NULL)",
    )
    assert pipeline.run(MEMBERS).changed == 3
    assert pipeline.query("SELECT id, mail, age FROM raw.members ORDER BY id") == [
        (1, "bob", 30),
        (2, "ann", 40),
        (3, None, None),
    ]
    constraints = (
        "SELECT contype FROM pg_constraint WHERE conrelid = 'raw.members'::regclass AND contype <> 'n'"
    )
    assert pipeline.query(constraints) == [("p",)]
    strict = pipeline.query(
        "SELECT attname FROM pg_attribute"
        " WHERE attrelid = 'raw.members'::regclass AND attnum > 0 AND attnotnull"
    )
    assert {name for (name,) in strict} == {"id", "_batch", "_changed_at", "_deleted"}


@pytest.mark.parametrize(
    ("keys", "found"),
    [
        ("PRIMARY KEY (b, a)", ("b", "a")),
        ("PRIMARY KEY (b, a), UNIQUE (a)", ("b", "a")),
        ("UNIQUE (a, b), UNIQUE (c)", ("a", "b")),
        ("UNIQUE (a, b), UNIQUE u (b)", ("b",)),
        ("UNIQUE (c), KEY (a)", ()),
        ("KEY (a)", ()),
    ],
)
def test_a_table_is_known_by_its_primary_key_or_one_that_is_as_good(
    pipeline: Pipeline, shop: Shop, keys: str, found: tuple[str, ...]
) -> None:
    execute(shop, f"CREATE TABLE members (a INT NOT NULL, b VARCHAR(9) NOT NULL, c INT, {keys})")
    assert next(iter(pipeline.source.unique_keys(MEMBERS)), ()) == found


def test_a_key_over_an_expression_is_no_key_of_columns(mysql_shop: Shop, mysql_server: MySQLUrls) -> None:
    execute(
        mysql_shop,
        "CREATE TABLE members (a INT NOT NULL, b INT NOT NULL, UNIQUE (a, (b + 1)), UNIQUE z (b, a))",
    )
    with closing(MySQLSource(mysql_server.reader)) as source:
        assert source.unique_keys(MEMBERS)[0] == ("b", "a")
