"""Keys and names of every kind, in passes that read only what changed as in those that read everything."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import Any

import pymysql
from bson import Binary, Decimal128, ObjectId
from pymongo.database import Database

from sync.passes import Compare
from sync.sources.mongodb.source import MongoDBSource
from sync.spec import Column, Strategy, Table
from tests.integration.sync_support import Pipeline

# The key's columns, the types that they become, and four values, of which the first two are easily mixed up.
KEYS: dict[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    "composite": (
        ("INT", "DATE"), ("integer", "date"),
        ("1, '2024-01-01'", "1, '2024-01-02'", "2, '2024-01-01'", "3, '1999-12-31'"),
    ),
    "letters": (("VARCHAR(20) COLLATE utf8mb4_bin",), ("text",), ("'abc'", "'ABC'", r"'Ä\t\\\n'", "''")),
    "blanks": (("VARCHAR(20) COLLATE utf8mb4_nopad_bin",), ("text",), ("'a'", "'a '", "' a'", "'  '")),
    "bytes": (("VARBINARY(8)",), ("bytea",), ("x'00'", "x'0000'", "x'5C6E09'", "''")),
    "uuids": (
        ("UUID",), ("uuid",),
        tuple(f"'123e4567-e89b-12d3-a456-42665544000{number}'" for number in range(4)),
    ),
    "wide": (
        ("BIGINT UNSIGNED",), ("numeric(20,0)",),
        ("18446744073709551615", "18446744073709551614", "0", "9223372036854775808"),
    ),
    "decimals": (
        ("DECIMAL(30,10)",), ("numeric(30,10)",),
        ("1.0000000001", "1.0000000002", "-1.5", "12345678901234567890.1234567890"),
    ),
    "times": (
        ("DATETIME(6)",), ("timestamp(6)",),
        (*(f"'2024-10-27 02:30:00.{number:06}'" for number in range(3)), "'9999-12-31'"),
    ),
    "moments": (
        ("TIMESTAMP(6)",), ("timestamptz(6)",),
        (*(f"'2024-10-27 00:30:00.{number:06}'" for number in range(3)), "'1970-01-02'"),
    ),
    "bits": (("BIT(64)",), ("numeric(20,0)",), ("0xFFFFFFFFFFFFFFFF", "0xFFFFFFFFFFFFFFFE", "0", "1")),
}  # fmt: skip


def run(connection: pymysql.Connection, *statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def test_keys_of_every_kind_are_followed_and_quarantined_by_both_strategies(
    pipeline: Pipeline, shop: pymysql.Connection
) -> None:
    """Of each table one row changes, one is deleted, one has a value too long that is mended later, and one
    key becomes another."""
    run(shop, "SET time_zone = '+00:00'")
    for name, (theirs, ours, values) in KEYS.items():
        parts = [f"k{number}" for number in range(len(theirs))]
        columns = [Column(part, type_) for part, type_ in zip(parts, ours, strict=True)]
        table = Table(
            name, "mysql", "shop", key=tuple(parts),
            strategy=Strategy.WATERMARK, cursor="at", overlap_seconds=0,
            columns=(*columns, Column("n", "varchar(3)"), Column("at", "timestamptz(6)")), history=True,
        )  # fmt: skip
        row = "({}, {}, DEFAULT)".format
        definitions = ", ".join(f"{part} {type_} NOT NULL" for part, type_ in zip(parts, theirs, strict=True))
        run(
            shop,
            f"CREATE TABLE {name} ({definitions}, n VARCHAR(20), at TIMESTAMP(6) DEFAULT CURRENT_TIMESTAMP(6)"
            f" ON UPDATE CURRENT_TIMESTAMP(6), PRIMARY KEY ({', '.join(parts)}))",
            f"INSERT INTO {name} VALUES {row(values[0], 1)}, {row(values[1], 2)}, {row(values[3], 4)}",
        )
        assert pipeline.run(table).inserted == 3, name
        run(shop, f"INSERT INTO {name} VALUES {row(values[2], 12345)}")
        assert pipeline.run(table).quarantined == 1, name
        where = [f"({', '.join(parts)}) = ({value})" for value in values]
        run(
            shop,
            f"UPDATE {name} SET n = 8 WHERE {where[0]}",
            f"UPDATE {name} SET n = 9 WHERE {where[2]}",
            f"DELETE FROM {name} WHERE {where[3]}",
        )
        result = pipeline.run(table)
        assert (result.inserted, result.updated, result.quarantined) == (1, 1, 0), name
        found = pipeline.run(table, compare=Compare.ALL, name_differing=5)
        assert (found.inserted, found.updated, found.deleted) == (0, 0, 1), name
        assert [each.finding.value for each in found.differing] == ["should not be there"]
        assert pipeline.run(replace(table, strategy=Strategy.FULL)).changed == 0, name
        live = pipeline.query(f'SELECT n FROM raw."{name}" WHERE NOT _deleted ORDER BY n')
        assert live == [("2",), ("8",), ("9",)], name


def test_a_key_that_only_a_collation_takes_for_another_changes_in_a_partial_pass(
    pipeline: Pipeline, shop: pymysql.Connection
) -> None:
    run(
        shop,
        "CREATE TABLE words (word VARCHAR(20) COLLATE utf8mb4_general_ci PRIMARY KEY, at TIMESTAMP(6)"
        " DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6))",
        "INSERT INTO words (word) VALUES ('abc'), ('straße')",
    )
    table = Table("words", "mysql", "shop", ("word",), strategy=Strategy.WATERMARK, cursor="at")
    pipeline.run(table)
    run(shop, "UPDATE words SET word = 'ABC' WHERE word = 'abc'")
    assert pipeline.run(table).inserted == 1
    assert pipeline.run(table, compare=Compare.COUNTS).deleted == 1
    live = "SELECT word FROM raw.words WHERE NOT _deleted ORDER BY word"
    assert pipeline.query(live) == [("ABC",), ("straße",)]


def test_names_of_every_kind_travel_in_a_partial_pass(pipeline: Pipeline, shop: pymysql.Connection) -> None:
    long_name = "ключ" * 16  # 64 characters, 128 bytes
    names = ["with blank", "with `tick`", 'with "quote"', "100%s", "UPPER", "a\\b'c", long_name]
    ticked = ["`" + name.replace("`", "``") + "`" for name in names]
    run(
        shop,
        f"CREATE TABLE `{long_name}` ({', '.join(f'{name} INT NOT NULL' for name in ticked[:-2])},"
        f" {ticked[5]} TIMESTAMP(6), {ticked[6]} INT, PRIMARY KEY ({ticked[2]}, {ticked[6]}))",
        f"INSERT INTO `{long_name}` VALUES (0, 1, 2, 3, 4, NOW(6), 6), (0, 1, 2, 3, 4, NOW(6), 7)",
    )
    table = Table(
        long_name, "mysql", "shop", key=(names[2], long_name), history=True,
        strategy=Strategy.WATERMARK, cursor=names[5], overlap_seconds=0,
    )  # fmt: skip
    assert pipeline.run(table).inserted == 2
    run(shop, f"UPDATE `{long_name}` SET `100%s` = 9, {ticked[5]} = NOW(6) WHERE {ticked[6]} = 7")
    assert pipeline.run(table).updated == 1
    run(shop, f"DELETE FROM `{long_name}` WHERE {ticked[6]} = 6")
    assert pipeline.run(table, compare=Compare.COUNTS).deleted == 1


IDS = [1, "1", "int:1", 1.5, Decimal128("2.50"), True, None, {"a": 1}, b"\x01", Binary(b"\x01", 5), "",
       ObjectId("0123456789abcdef01234567"), "0123456789abcdef01234567", "Ω\t\\"]  # fmt: skip


def test_ids_of_different_types_stay_different_in_a_partial_pass(
    catalog: Database[dict[str, Any]], urls: dict[str, str], staging: str
) -> None:
    table = Table(
        "things", "mongodb", "catalog", ("_id",), document="document",
        strategy=Strategy.WATERMARK, cursor="v",
        columns=(Column("_id", "text"), Column("n", "integer"), Column("v", "bigint")),
    )  # fmt: skip
    with closing(MongoDBSource(urls["SOFTCART_MONGO_URL"])) as source:
        pipeline = Pipeline(source, staging)
        catalog.things.insert_many([{"_id": key, "n": 0, "v": 1} for key in IDS])
        assert pipeline.run(table).inserted == len(IDS)
        for number, key in enumerate(IDS):
            catalog.things.update_one({"_id": {"$eq": key}}, {"$set": {"n": number, "v": 2}})
        catalog.things.update_one({"_id": "1"}, {"$set": {"n": "one"}})
        result = pipeline.run(table)
        assert (result.updated, result.quarantined) == (len(IDS) - 1, 1)
        assert pipeline.rejected()[0][1] == "1"
        catalog.things.delete_one({"_id": 1})
        catalog.things.update_one({"_id": "1"}, {"$set": {"n": 7}})
        assert pipeline.run(table, compare=Compare.COUNTS).deleted == 1
        live = "SELECT n, document->'_id' FROM raw.things WHERE NOT _deleted ORDER BY n"
        numbers = [number for number, _ in pipeline.query(live)]
        assert numbers == sorted([*range(2, len(IDS)), 7])
        assert pipeline.rejected() == []
