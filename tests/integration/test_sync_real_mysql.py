"""The sync engine reads a real MySQL as it reads MariaDB: every row once, every value exact."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pymysql
import pytest

from sync.sources.mysql.source import MySQLSource
from sync.spec import Table
from tests.conftest import MySQLUrls
from tests.integration.sync_support import Pipeline

Shop = pymysql.Connection

# MySQL's type, the PostgreSQL type it becomes, a literal there and its text here.
TYPES = [
    ("TINYINT(1)", "smallint", "2", "2"),
    ("INT UNSIGNED", "bigint", "4294967295", "4294967295"),
    ("BIGINT UNSIGNED", "numeric(20,0)", "18446744073709551615", "18446744073709551615"),
    ("DECIMAL(65,30)", "numeric(65,30)", f"-{'9' * 35}.{'9' * 30}", f"-{'9' * 35}.{'9' * 30}"),
    ("FLOAT", "real", "16777216", "1.6777216e+07"),
    ("DOUBLE", "double precision", "1.7976931348623157e308", "1.7976931348623157e+308"),
    ("BIT(8)", "bigint", "b'10100000'", "160"),
    ("BIT(64)", "numeric(20,0)", "0xFFFFFFFFFFFFFFFF", "18446744073709551615"),
    ("DATE", "date", "'9999-12-31'", "9999-12-31"),
    ("DATETIME(6)", "timestamp(6) without time zone", "'2024-02-29 23:59:59.999999'",
     "2024-02-29 23:59:59.999999"),
    ("TIMESTAMP(6) NULL", "timestamp(6) with time zone", "FROM_UNIXTIME(1729989000.5)",
     "2024-10-27 00:30:00.5+00"),
    ("TIME(6)", "interval", "'-838:59:58.999999'", "-838:59:58.999999"),
    ("YEAR", "smallint", "2155", "2155"),
    ("VARCHAR(50) CHARACTER SET latin1", "text", "'Zoë € '", "Zoë € "),
    ("VARCHAR(50)", "text", r"'tab\t, back\\slash, 😀 Ω'", "tab\t, back\\slash, 😀 Ω"),
    ("ENUM('plain','Ω')", "text", "'Ω'", "Ω"),
    ("SET('a','b','c')", "text", "'c,a'", "a,c"),
    ("BINARY(4)", "bytea", "x'00'", "\\x00000000"),
    ("BLOB", "bytea", "x'0009'", "\\x0009"),
    ("JSON", "jsonb", "'{\"b\": [1.50, null], \"a\": \"\\\\u00e9 😀\"}'", '{"a": "é 😀", "b": [1.5, null]}'),
]  # fmt: skip


@pytest.fixture
def pipeline(mysql_shop: Shop, mysql_server: MySQLUrls, staging: str) -> Iterator[Pipeline]:
    with closing(MySQLSource(mysql_server.reader)) as source:
        yield Pipeline(source, staging)


def execute(connection: Shop, *statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def test_it_is_mysql_with_its_own_defaults(mysql_shop: Shop) -> None:
    with mysql_shop.cursor() as cursor:
        cursor.execute("SELECT version(), @@log_bin, @@binlog_format, @@binlog_row_metadata, @@sql_mode")
        (version, *log, sql_mode) = cursor.fetchone()
    assert "MariaDB" not in version
    assert log == [1, "ROW", "MINIMAL"]
    assert "STRICT_TRANS_TABLES" in sql_mode


def test_every_type_arrives_exact_and_a_second_pass_finds_nothing_new(
    pipeline: Pipeline, mysql_shop: Shop
) -> None:
    columns = ", ".join(f"c{number} {type_}" for number, (type_, *_) in enumerate(TYPES))
    literals = ", ".join(literal for _, _, literal, _ in TYPES)
    nulls = ", ".join("NULL" for _ in TYPES)
    execute(
        mysql_shop,
        f"CREATE TABLE types (id BIGINT UNSIGNED PRIMARY KEY, {columns})",
        f"INSERT INTO types VALUES (18446744073709551615, {literals}), (0, {nulls})",
    )
    table = Table("types", "mysql", "shop", key=("id",))

    assert pipeline.run(table).inserted == 2
    assert pipeline.run(table).changed == 0

    names = [f"c{number}" for number in range(len(TYPES))]
    arrived = pipeline.query(
        f"SET TimeZone = 'UTC'; SELECT {', '.join(f'{name}::text' for name in names)}"
        " FROM raw.types ORDER BY id"
    )
    assert arrived == [(None,) * len(TYPES), tuple(text for *_, text in TYPES)]
    types = pipeline.query(
        "SELECT format_type(atttypid, atttypmod) FROM pg_attribute"
        " WHERE attrelid = 'raw.types'::regclass AND attname ~ '^c[0-9]' ORDER BY attnum"
    )
    assert [type_ for (type_,) in types] == [type_ for _, type_, _, _ in TYPES]


def test_a_zero_date_that_strict_mode_refuses_is_quarantined_where_a_lax_session_wrote_one(
    pipeline: Pipeline, mysql_shop: Shop
) -> None:
    execute(mysql_shop, "CREATE TABLE dated (id INT PRIMARY KEY, c DATE)")
    zero = "INSERT INTO dated VALUES (1, '0000-00-00')"
    with pytest.raises(pymysql.err.OperationalError, match="Incorrect date value"):
        execute(mysql_shop, zero)
    execute(mysql_shop, "SET sql_mode = ''", zero, "INSERT INTO dated VALUES (2, '2024-01-01')")

    result = pipeline.run(Table("dated", "mysql", "shop", key=("id",)))

    assert (result.read, result.rows, result.quarantined) == (2, 1, 1)
    ((_, key, reason),) = pipeline.rejected()
    assert key == "1"
    assert "c" in reason


def test_updates_and_deletes_follow(pipeline: Pipeline, mysql_shop: Shop) -> None:
    execute(
        mysql_shop,
        "CREATE TABLE sales_data (rowid BIGINT PRIMARY KEY, note TEXT)",
        "INSERT INTO sales_data VALUES (1, 'one'), (2, 'two'), (3, 'three')",
    )
    table = Table("sales_data", "mysql", "shop", key=("rowid",))
    pipeline.run(table)
    execute(
        mysql_shop,
        "UPDATE sales_data SET note = '😀' WHERE rowid = 1",
        "DELETE FROM sales_data WHERE rowid = 2",
        "INSERT INTO sales_data VALUES (4, NULL)",
    )
    result = pipeline.run(table)
    assert (result.inserted, result.updated, result.deleted) == (1, 1, 1)
    live = "SELECT rowid, note FROM raw.sales_data WHERE NOT _deleted ORDER BY rowid"
    assert pipeline.query(live) == [(1, "😀"), (3, "three"), (4, None)]
