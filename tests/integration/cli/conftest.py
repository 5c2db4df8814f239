"""The command with its URLs, and a small table for it to copy."""

from __future__ import annotations

import pytest

from tests.integration.cli.command import Command, Shop, execute


@pytest.fixture
def command(urls: dict[str, str], staging: str) -> Command:
    return Command(
        {"SHOP": urls["SOFTCART_MYSQL_URL"], "CATALOG": urls["SOFTCART_MONGO_URL"], "TARGET": staging}
    )


@pytest.fixture
def sales(shop: Shop) -> Shop:
    execute(
        shop,
        "CREATE TABLE sales_data (rowid BIGINT PRIMARY KEY, price DECIMAL(12,2), updated_at TIMESTAMP(6)"
        " DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6))",
        "INSERT INTO sales_data (rowid, price) VALUES (1, 10.50), (2, NULL), (3, 3)",
    )
    return shop


@pytest.fixture
def dated(shop: Shop) -> Shop:
    """A table with a date that PostgreSQL does not have."""
    execute(
        shop,
        "SET sql_mode = ''",
        "CREATE TABLE dated (id INT PRIMARY KEY, day DATE)",
        "INSERT INTO dated VALUES (1, '2024-01-01'), (2, '0000-00-00'), (3, '0000-00-00')",
    )
    return shop
