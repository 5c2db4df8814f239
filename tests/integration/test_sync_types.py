"""Every type of MySQL arrives exact, by a written mapping, or in quarantine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pymysql
import pytest

from sync.errors import SyncError
from sync.sources.mysql import MySQLSource
from sync.spec import Column, Table
from tests.integration.sync_support import Pipeline

Shop = pymysql.Connection

# MySQL's type, the PostgreSQL type it becomes, and pairs of a literal there and its text here.
TYPES: list[tuple[str, str, list[tuple[str, str]]]] = [
    ("TINYINT(1)", "smallint", [("0", "0"), ("2", "2"), ("-128", "-128")]),
    ("TINYINT UNSIGNED", "smallint", [("255", "255")]),
    ("SMALLINT UNSIGNED", "integer", [("65535", "65535")]),
    ("MEDIUMINT", "integer", [("-8388608", "-8388608")]),
    ("INT UNSIGNED ZEROFILL", "bigint", [("4294967295", "4294967295"), ("7", "7")]),
    ("BIGINT", "bigint", [("-9223372036854775808", "-9223372036854775808")]),
    ("BIGINT UNSIGNED", "numeric(20,0)", [("18446744073709551615", "18446744073709551615")]),
    ("DECIMAL(65,30)", "numeric(65,30)", [(f"-{'9' * 35}.{'9' * 30}", f"-{'9' * 35}.{'9' * 30}")]),
    ("DECIMAL(5,0)", "numeric(5,0)", [("-12345", "-12345")]),
    ("FLOAT", "real", [("16777216", "1.6777216e+07"), ("0.1", "0.1"), ("-3.4e38", "-3.4e+38")]),
    ("DOUBLE", "double precision",
     [("1.7976931348623157e308", "1.7976931348623157e+308"), ("5e-324", "5e-324"), ("0.1", "0.1"),
       ("123456789.123456789", "123456789.12345679")]),
    ("DOUBLE(10,2)", "double precision", [("1234.565", "1234.57")]),
    ("BIT(1)", "bigint", [("b'1'", "1")]),
    ("BIT(8)", "bigint", [("b'10100000'", "160")]),
    ("BIT(64)", "numeric(20,0)", [("0xFFFFFFFFFFFFFFFF", "18446744073709551615")]),
    ("DATE", "date", [("'9999-12-31'", "9999-12-31"), ("'0001-01-01'", "0001-01-01")]),
    ("DATETIME(6)", "timestamp(6) without time zone",
     [("'2024-02-29 23:59:59.999999'", "2024-02-29 23:59:59.999999")]),
    ("DATETIME", "timestamp(0) without time zone", [("'1000-01-01 00:00:00'", "1000-01-01 00:00:00")]),
    ("TIMESTAMP(6) NULL", "timestamp(6) with time zone",
     # The second that Berlin's clocks show twice, in summer time and in winter time.
     [("FROM_UNIXTIME(1729989000.5)", "2024-10-27 00:30:00.5+00"),
      ("FROM_UNIXTIME(1729992600)", "2024-10-27 01:30:00+00")]),
    ("TIME", "interval",
     [("'-838:59:59'", "-838:59:59"), ("'838:59:59'", "838:59:59"), ("'-0:0:1'", "-00:00:01")]),
    ("TIME(6)", "interval", [("'25:00:00.000001'", "25:00:00.000001")]),
    ("YEAR", "smallint", [("2155", "2155"), ("0", "0")]),
    ("CHAR(5)", "text", [("'ab   '", "ab"), ("'NULL'", "NULL")]),
    ("VARCHAR(50) CHARACTER SET latin1", "text", [("'Zoë € trailing  '", "Zoë € trailing  ")]),
    ("VARCHAR(50) COLLATE utf8mb4_unicode_ci", "text",
     [(r"'tab\tnewline\nreturn\rback\\slash'", "tab\tnewline\nreturn\rback\\slash"), (r"'\\N'", "\\N"),
      ("''", ""), (r"'\\.'", "\\."), ("'😀 Ω \u2028'", "😀 Ω \u2028")]),
    ("LONGTEXT", "text", [("REPEAT('xyz', 1000)", "xyz" * 1000)]),
    (r"ENUM('plain','back\\slash','tab\t')", "text",
     [(r"'back\\slash'", "back\\slash"), (r"'tab\t'", "tab\t")]),
    ("SET('a','b','c')", "text", [("'c,a'", "a,c"), ("''", "")]),
    ("BINARY(4)", "bytea", [("x'00'", "\\x00000000"), ("'\\\\n\t'", "\\x5c6e0900")]),
    ("VARBINARY(10)", "bytea", [("''", "\\x"), ("x'00FF00'", "\\x00ff00")]),
    ("BLOB", "bytea", [("x'0009'", "\\x0009")]),
    ("UUID", "uuid", [("'123E4567-e89b-12d3-a456-426655440000'", "123e4567-e89b-12d3-a456-426655440000")]),
    ("INET6", "inet", [("'2001:db8::1'", "2001:db8::1/128")]),
    ("INT GENERATED ALWAYS AS (5 * 2) STORED", "integer", [("DEFAULT", "10")]),
    ("INT INVISIBLE", "integer", [("7", "7")]),
]  # fmt: skip


@pytest.fixture
def pipeline(shop: Shop, urls: dict[str, str], staging: str) -> Iterator[Pipeline]:
    with closing(MySQLSource(urls["SOFTCART_MYSQL_URL"])) as source:
        yield Pipeline(source, staging)


def execute(connection: Shop, *statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def column_types(pipeline: Pipeline, name: str) -> list[str]:
    rows = pipeline.query(
        "SELECT format_type(atttypid, atttypmod) FROM pg_attribute"
        f" WHERE attrelid = 'raw.{name}'::regclass AND attname LIKE 'c%' AND attnum > 0 ORDER BY attnum"
    )
    return [row[0] for row in rows]


def test_every_type_becomes_its_natural_type_and_keeps_its_values(pipeline: Pipeline, shop: Shop) -> None:
    columns = ", ".join(f"c{number} {type_}" for number, (type_, _, _) in enumerate(TYPES))
    execute(
        shop, "SET sql_mode = '', time_zone = 'SYSTEM'", f"CREATE TABLE types (id INT PRIMARY KEY, {columns})"
    )
    wanted = []
    for row in range(max(len(values) for _, _, values in TYPES)):
        pairs = [values[min(row, len(values) - 1)] for _, _, values in TYPES]
        execute(shop, _insert(row + 1, [literal for literal, _ in pairs]))
        wanted.append([text for _, text in pairs])

    table = Table("types", "mysql", "shop", key=("id",))
    assert pipeline.run(table).quarantined == 0
    assert pipeline.run(table).changed == 0

    assert column_types(pipeline, "types") == [type_ for _, type_, _ in TYPES]
    shown = ", ".join(f"c{number}::text" for number in range(len(TYPES)))
    arrived = pipeline.query(f"SET TimeZone = 'UTC'; SELECT {shown} FROM raw.types ORDER BY id")
    for row, expected in zip(arrived, wanted, strict=True):
        different = [
            (t[0], got, want) for t, got, want in zip(TYPES, row, expected, strict=True) if got != want
        ]
        assert different == []


def _insert(row: int, literals: list[str]) -> str:
    names = ", ".join(f"c{number}" for number in range(len(literals)))
    return f"INSERT INTO types (id, {names}) VALUES ({row}, {', '.join(literals)})"


def test_null_is_null_in_every_type(pipeline: Pipeline, shop: Shop) -> None:
    ordinary = [type_ for type_, _, _ in TYPES if "GENERATED" not in type_]
    columns = ", ".join(f"c{number} {type_}" for number, type_ in enumerate(ordinary))
    execute(shop, f"CREATE TABLE nulls (id INT PRIMARY KEY, {columns})", "INSERT INTO nulls (id) VALUES (1)")
    pipeline.run(Table("nulls", "mysql", "shop", key=("id",)))
    everything = " AND ".join(f"c{number} IS NULL" for number in range(len(ordinary)))
    assert pipeline.query(f"SELECT {everything} FROM raw.nulls") == [(True,)]


# MySQL's type, a declared type that holds only some of its values, one value that fits and one that does not.
NARROWER = [
    ("DECIMAL(12,4)", "numeric(12,2)", "'1.5000'", "'1.2345'"),
    ("BIGINT", "integer", "5", "3000000000"),
    ("INT", "boolean", "1", "2"),
    ("VARCHAR(20)", "varchar(3)", "'abc'", "'abc '"),
    ("VARCHAR(20)", "char(3)", "'ab'", "'a '"),
    ("DATETIME(6)", "timestamp(0)", "'2024-01-01 10:00:00'", "'2024-01-01 10:00:00.5'"),
    ("TIME", "time", "'23:00:00'", "'25:00:00'"),
    ("LONGTEXT", "jsonb", "'{\"a\": 1.50}'", "'{oops'"),
    ("LONGTEXT", "jsonb", "'[\"\\\\\\\\u0000\"]'", "'[\"\\\\u0000\"]'"),
]


@pytest.mark.parametrize(("theirs", "ours", "fits", "misfit"), NARROWER)
def test_a_value_that_a_narrower_declared_type_would_bend_is_quarantined(
    pipeline: Pipeline, shop: Shop, theirs: str, ours: str, fits: str, misfit: str
) -> None:
    execute(
        shop,
        f"CREATE TABLE narrow (id INT PRIMARY KEY, c {theirs})",
        f"INSERT INTO narrow VALUES (1, {fits}), (2, {misfit}), (3, NULL)",
    )
    table = Table("narrow", "mysql", "shop", ("id",), columns=(Column("id", "integer"), Column("c", ours)))
    result = pipeline.run(table)
    assert (result.read, result.rows, result.quarantined) == (3, 2, 1)
    ((_, key, reason),) = pipeline.rejected()
    assert key == "2"
    assert "c" in reason


def test_a_type_without_an_exact_form_is_refused_with_the_one_that_has_it(
    pipeline: Pipeline, shop: Shop
) -> None:
    execute(shop, "CREATE TABLE t (id INT PRIMARY KEY, c DOUBLE)")
    table = Table(
        "t", "mysql", "shop", ("id",), columns=(Column("id", "integer"), Column("c", "numeric(9,2)"))
    )
    with pytest.raises(
        SyncError, match=r"raw\.t, column c: double has no exact form .* double precision or text"
    ):
        pipeline.run(table)
    assert pipeline.query("SELECT to_regclass('raw.t')") == [(None,)]
