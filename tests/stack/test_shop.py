"""A shop that exists gets the columns that its script has got since."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from stack import shop as stack_shop
from stack.shop import add_missing_columns, missing

SCRIPT = """
CREATE TABLE IF NOT EXISTS customers (
    customer_id BIGINT NOT NULL PRIMARY KEY,
    `phone` VARCHAR(40) COMMENT 'as dialled, with (area), code',
    points DECIMAL(12, 2) NOT NULL DEFAULT 0,
    INDEX phones (`phone`),
    UNIQUE KEY named (points)
) ENGINE = InnoDB;
CREATE TABLE IF NOT EXISTS visits (id INT PRIMARY KEY,
    at DATETIME
);
"""


def test_keys_are_no_columns_and_a_table_that_is_not_there_lacks_none() -> None:
    found = list(missing(SCRIPT, {"customers": {"customer_id"}}))
    assert found == [
        ("customers", "phone", "VARCHAR(40) COMMENT 'as dialled, with (area), code'"),
        ("customers", "points", "DECIMAL(12, 2) NOT NULL DEFAULT 0"),
    ]


def test_a_shop_that_exists_gets_the_columns_that_it_lacks_and_keeps_its_rows(
    shop: Any, urls: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with shop.cursor() as cursor:
        cursor.execute("CREATE TABLE customers (customer_id BIGINT PRIMARY KEY)")
        cursor.execute("INSERT INTO customers VALUES (7)")
        script = tmp_path / "shop.sql"
        script.write_text(SCRIPT)
        monkeypatch.setattr(stack_shop, "SCRIPT", script)
        said: list[str] = []
        for _ in range(2):
            add_missing_columns(urls["SOFTCART_MYSQL_ADMIN_URL"], said.append)
        cursor.execute("SELECT customer_id, phone, points FROM customers")
        assert cursor.fetchall() == ((7, None, 0),)
        cursor.execute("SHOW TABLES")
        assert cursor.fetchall() == (("customers",),)
    assert [line.partition(" has got the column ")[2].split(",")[0] for line in said] == ["phone", "points"]
