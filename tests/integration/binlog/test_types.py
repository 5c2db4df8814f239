"""Every type of column, as the key and beside it."""

from __future__ import annotations

import random
from decimal import Decimal

import pytest

from sync.errors import SyncError
from sync.sources.mysql.binlog.values import Value, literal
from tests.integration.binlog.log import Log, table

KEYS: dict[str, list[str]] = {
    "TINYINT": ["-128", "-1", "0", "127"],
    "TINYINT UNSIGNED": ["0", "255"],
    "SMALLINT": ["-32768", "32767"],
    "SMALLINT UNSIGNED": ["65535"],
    "MEDIUMINT": ["-8388608", "-1", "8388607"],
    "MEDIUMINT UNSIGNED": ["16777215"],
    "INT": ["-2147483648", "2147483647"],
    "INT UNSIGNED": ["4294967295"],
    "BIGINT": ["-9223372036854775808", "9223372036854775807"],
    "BIGINT UNSIGNED": ["18446744073709551615"],
    "DECIMAL(10,0)": ["-9999999999", "0", "1"],
    "DECIMAL(12,2)": ["-1234567890.12", "-0.01", "0", "0.10", "9999999999.99"],
    "DECIMAL(65,30)": ["-12345678901234567890123456789012345.123456789012345678901234567890", "1e-30"],
    "DECIMAL(5,5)": ["0.00001", "-0.99999"],
    "DECIMAL(20,9) UNSIGNED": ["12345678901.123456789"],
    "FLOAT": ["0.1", "-1.5e10", "3.4028234e38"],
    "DOUBLE": ["0.1", "-2.5e-300", "1e16"],
    "YEAR": ["1901", "2155", "0"],
    "BIT(1)": ["0", "1"],
    "BIT(12)": ["5", "4095"],
    "BIT(64)": ["18446744073709551615"],
    "DATE": ["'1000-01-01'", "'9999-12-31'", "'2024-02-29'"],
    "DATETIME": ["'1000-01-01 00:00:00'", "'9999-12-31 23:59:59'"],
    **{f"DATETIME({n})": ["'2024-02-29 12:34:56.123456'", "'1970-01-01 00:00:00'"] for n in range(1, 7)},
    "TIMESTAMP": ["'1970-01-01 00:00:01'", "'2038-01-19 03:14:07'"],
    **{f"TIMESTAMP({n})": ["'2024-02-29 12:34:56.123456'"] for n in range(1, 7)},
    "TIME": ["'-838:59:59'", "'00:00:00'", "'838:59:59'", "'-00:00:01'"],
    **{f"TIME({n})": ["'-12:34:56.123456'", "'-00:00:00.9'", "'12:34:56.987654'"] for n in range(1, 7)},
    "ENUM('a','it''s','é')": ["'a'", "'it''s'", "'é'"],
    "SET('a','b','c')": ["''", "'a,c'", "'b'"],
    "CHAR(5)": ["''", "'ab'", "'häß'"],
    "CHAR(255)": ["REPEAT('é', 255)", "'a'"],
    "CHAR(100) CHARACTER SET latin1": ["'é€'", "x'618191'"],
    "VARCHAR(20)": ["''", "'😀 '", "'it''s'"],
    "VARCHAR(300)": ["REPEAT('é', 300)", "'\\\\'"],
    "VARCHAR(20) CHARACTER SET ucs2": ["'é'"],
    "VARCHAR(20) CHARACTER SET utf16": ["'😀'"],
    "VARCHAR(20) CHARACTER SET cp1251": ["'Ж'"],
    "BINARY(16)": ["x'00112233445566778899aabbccddee00'", "x''", "x'ff20'"],
    "BINARY(255)": ["REPEAT(x'7f', 255)"],
    "VARBINARY(20)": ["x''", "x'00'", "x'610000'"],
    "VARBINARY(600)": ["REPEAT(x'ff00', 300)"],
}
MARIADB_KEYS = {
    "UUID": ["'123e4567-e89b-12d3-a456-426655440000'", "'00000000-0000-0000-0000-000000000000'"],
    "INET6": ["'2001:db8::ff00:42:8329'", "'::'", "'::ffff:192.0.2.1'", "'::2'", "'1::'"],
    "INET4": ["'10.0.0.1'", "'10.0.0.0'", "'255.255.255.255'"],
}
BESIDE = [
    "a TINYINT", "b SMALLINT UNSIGNED", "c MEDIUMINT", "d INT", "e BIGINT UNSIGNED", "f DECIMAL(30,12)",
    "g FLOAT", "h DOUBLE", "i YEAR", "j BIT(11)", "k DATE", "l DATETIME(3)", "m TIMESTAMP(5) NULL",
    "n TIME(1)", "o ENUM('a','b')", "p SET('a','b')", "q CHAR(255)", "r CHAR(3)", "s VARCHAR(20)",
    "t VARCHAR(3000)", "u BINARY(7)", "v VARBINARY(400)", "w TINYTEXT", "x TEXT", "y MEDIUMBLOB",
    "z LONGTEXT", "aa JSON", "bb POINT", "cc GEOMETRY", "dd INT GENERATED ALWAYS AS (d + 1) VIRTUAL",
    "ee INT GENERATED ALWAYS AS (d + 2) STORED",
]  # fmt: skip
VALUES = [
    "-1", "65535", "-8388608", "7", "18446744073709551615", "-1.5", "0.25", "1e100", "2024", "b'101'",
    "'2024-05-06'", "'2024-05-06 07:08:09.123'", "'2024-05-06 07:08:09.12345'", "'-01:02:03.4'", "'b'",
    "'a,b'",
    "REPEAT('é', 200)", "'ab'", "'xyz'", "REPEAT('é', 1000)", "x'01'", "REPEAT('v', 400)", "'t'",
    "REPEAT('x', 3000)", "REPEAT('y', 70000)", "'z'", "'{}'", "POINT(1, 2)", "POINT(3, 4)",
]  # fmt: skip


def names(log: Log, kind: str, values: list[str]) -> None:
    """Each key in the log has to find just its own row, and to be what the server prints."""
    log.run("SET SESSION sql_mode = '', time_zone = '+00:00'", "DROP TABLE IF EXISTS item")
    log.run(f"CREATE TABLE item (note INT, id {kind} PRIMARY KEY) DEFAULT CHARACTER SET utf8mb4")
    start = log.position()
    log.run(
        *(f"INSERT INTO item (note, id) VALUES ({number}, {value})" for number, value in enumerate(values))
    )
    keys = log.keys(start, table("item"))
    found = [
        log.run(f"SELECT note, id, CAST(id AS CHAR) FROM item WHERE id IN ({literal(key)})")
        for (key,) in keys
    ]
    assert sorted(row[0] for rows in found for row in rows) == list(range(len(values))), (kind, keys)
    for (key,), ((_, value, text),) in zip(keys, found, strict=True):
        assert same(key, value, text), (kind, key, value, text)


def same(key: Value, value: object, text: str) -> bool:
    if isinstance(key, bytes):
        return key == (value if isinstance(value, bytes) else str(value).encode())
    if isinstance(key, float):
        return key == pytest.approx(float(text), rel=1e-5)
    if isinstance(key, (int, Decimal)):
        return key == (int.from_bytes(value, "big") if isinstance(value, bytes) else Decimal(text))
    return key == text


def test_a_key_of_every_type_finds_its_row(server_log: Log) -> None:
    for kind, values in KEYS.items():
        names(server_log, kind, values)


def test_a_key_of_every_type_of_mariadb_finds_its_row(mariadb_log: Log) -> None:
    for kind, values in MARIADB_KEYS.items():
        names(mariadb_log, kind, values)


@pytest.mark.parametrize("metadata", ["FULL", "MINIMAL"])
def test_columns_of_every_type_beside_the_key_are_skipped(server_log: Log, metadata: str) -> None:
    server_log.set("binlog_row_metadata", metadata)
    server_log.run("SET SESSION sql_mode = ''")
    server_log.run(
        f"CREATE TABLE item ({', '.join(BESIDE)}, id INT NOT NULL, code CHAR(2) NOT NULL, UNIQUE (id, code))"
    )
    chance, start, keys = random.Random(3), server_log.position(), set()
    for number in range(40):
        row = [value if chance.random() < 0.6 or not number else "NULL" for value in VALUES]
        columns = ", ".join(column.split()[0] for column in BESIDE[: len(row)])
        server_log.run(f"INSERT INTO item ({columns}, id, code) VALUES ({', '.join(row)}, {number}, 'k')")
        keys.add((number, "k"))
    server_log.run(
        "UPDATE item SET d = 5, x = NULL",
        "UPDATE item SET aa = JSON_OBJECT('a', id), bb = NULL",
        "DELETE FROM item",
    )
    assert server_log.keys(start, table("item", "id", "code")) == keys


def test_columns_that_only_mysql_has_are_skipped(mysql_log: Log) -> None:
    mysql_log.run(
        "CREATE TABLE item (v VECTOR(3), j JSON, hidden INT INVISIBLE DEFAULT 3, id INT PRIMARY KEY,"
        " INDEX tags ((CAST(j->'$.tags' AS UNSIGNED ARRAY))), INDEX lower ((CAST(j->>'$.name' AS CHAR(20)))))"
    )
    start = mysql_log.position()
    mysql_log.run(
        """INSERT INTO item VALUES (STRING_TO_VECTOR('[1,2,3]'), '{"tags": [1, 2], "name": "N"}', 1)""",
        "INSERT INTO item VALUES (NULL, NULL, 2)",
        "UPDATE item SET j = '{\"tags\": [7]}', hidden = 4",
        "DELETE FROM item",
    )
    assert mysql_log.keys(start, table("item")) == {(1,), (2,)}


def test_columns_that_only_mariadb_has_are_skipped(mariadb_log: Log) -> None:
    mariadb_log.run(
        "CREATE TABLE item (u UUID, i INET6, c TEXT COMPRESSED, v VARCHAR(300) COMPRESSED,"
        " hidden INT INVISIBLE DEFAULT 3, id INT PRIMARY KEY)"
    )
    start = mariadb_log.position()
    mariadb_log.run(
        "INSERT INTO item VALUES (UUID(), '::1', REPEAT('c', 2000), REPEAT('v', 250), 1)",
        "INSERT INTO item (id) VALUES (2)",
        "UPDATE item SET c = 'x', hidden = 4",
        "DELETE FROM item",
    )
    assert mariadb_log.keys(start, table("item")) == {(1,), (2,)}


def test_a_key_that_cannot_follow_the_log_is_refused(server_log: Log) -> None:
    for kind, words in (
        ("VARCHAR(9) CHARACTER SET gbk NOT NULL", "its character set gbk"),
        ("INT NULL", "may be NULL"),
    ):
        server_log.run("DROP TABLE IF EXISTS item", f"CREATE TABLE item (id {kind}, UNIQUE (id))")
        start = server_log.position()
        server_log.run("INSERT INTO item VALUES (1)")
        with pytest.raises(SyncError, match=f"raw.item: key column id.*{words}"):
            server_log.read(start, table("item"))


def test_signs_of_numbers_are_told_apart_beside_a_year(server_log: Log) -> None:
    """The servers do not agree on whether YEAR is a number with a sign."""
    for kind, number in (("TINYINT UNSIGNED", 200), ("TINYINT", -56)):
        server_log.run(
            "DROP TABLE IF EXISTS item", f"CREATE TABLE item (a YEAR, id {kind} PRIMARY KEY, b INT UNSIGNED)"
        )
        start = server_log.position()
        server_log.run(f"INSERT INTO item VALUES (2024, {number}, 1)")
        assert server_log.keys(start, table("item")) == {(number,)}
