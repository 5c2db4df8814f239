"""A first load that is cut off is gone on with, and ends with what its source shows then."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest

from sync import first_load
from sync.passes import PassResult
from sync.sources.mysql import portions as mysql_portions
from sync.sources.mysql.source import MySQLSource
from sync.spec import Column, Strategy, Table
from tests.integration.binlog.log import Log
from tests.integration.sync_support import Pipeline

ROWS = 20
TAKEN = 9  # three portions
ITEMS = Table(
    "items", "mysql", "shop", key=("id",), strategy=Strategy.LOG, history=True,
    columns=(Column("id", "integer"), Column("n", "integer"), Column("note", "character varying(5)")),
)  # fmt: skip
REJECTED = "SELECT id FROM items WHERE CHAR_LENGTH(note) > 5 ORDER BY id"


class CutOff(BaseException):
    """Ends a pass as a crash would."""


@pytest.fixture(autouse=True)
def small_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mysql_portions, "PORTION_ROWS", 3)
    monkeypatch.setattr(first_load, "CATCH_UP_KEYS", 4)


@pytest.fixture
def pipeline(log: Log, staging: str) -> Iterator[Pipeline]:
    with closing(MySQLSource(log.url)) as source:
        yield Pipeline(source, staging)


def cut_off(pipeline: Pipeline, table: Table, after: int = TAKEN) -> None:
    """Begin a first load, and end it when that many rows and a further portion are staged."""

    def observe(rows: int, expected: int | None) -> None:
        if rows > after:
            raise CutOff

    with pytest.raises(CutOff):
        pipeline.run(table, observe=observe)
    assert pipeline.query(f"SELECT to_regclass('raw.{table.name}')") == [(None,)]


def kept(pipeline: Pipeline) -> list[tuple[Any, ...]]:
    return pipeline.query("SELECT rows, rejected FROM sync.checkpoints")


def fill(log: Log) -> None:
    values = ", ".join(
        f"({number * 10}, 0, '{'too long' if number % 4 == 0 else 'fits'}')" for number in range(ROWS)
    )
    log.run(
        "CREATE TABLE items (id INT PRIMARY KEY, n INT, note VARCHAR(20))",
        f"INSERT INTO items VALUES {values}",
    )


def assert_equal(pipeline: Pipeline, log: Log, result: PassResult) -> None:
    good = log.run("SELECT id, n, note FROM items WHERE CHAR_LENGTH(note) <= 5 ORDER BY id")
    assert pipeline.query("SELECT id, n, note FROM raw.items WHERE NOT _deleted ORDER BY id") == good
    assert pipeline.query("SELECT id, n, note FROM history.items ORDER BY id") == good
    rejected = [(str(key),) for (key,) in log.run(REJECTED)]
    found = pipeline.query("SELECT key FROM quarantine.rejected_rows ORDER BY key::integer")
    assert found == rejected
    assert (result.rows, result.quarantined) == (len(good), len(rejected))
    assert kept(pipeline) == []
    assert pipeline.query("SELECT relname FROM pg_class WHERE relname LIKE '%ing\\_items'") == []


def test_only_the_rest_and_what_was_touched_meanwhile_is_read(pipeline: Pipeline, log: Log) -> None:
    fill(log)
    cut_off(pipeline, ITEMS)
    assert kept(pipeline) == [(9, 3)]
    log.run(
        "INSERT INTO items VALUES (5, 1, 'below'), (155, 1, 'above')",
        "UPDATE items SET n = 1 WHERE id IN (10, 190)",
        "UPDATE items SET note = 'fits' WHERE id = 0",
        "UPDATE items SET note = 'long again' WHERE id = 20",
        "DELETE FROM items WHERE id IN (30, 40, 180)",
        "UPDATE items SET id = 15 WHERE id = 170",
        "UPDATE items SET id = 175 WHERE id = 50",
    )
    result = pipeline.run(ITEMS)
    assert result.notes == ("the first load goes on behind 9 rows that an earlier pass has read",)
    # Of the first nine rows 0, 10, 20, 5 and 15 are read again; 11 lie behind them.
    if log.has_gtids:  # else what a tail repeats is read once more
        assert result.read == 5 + 11
    assert_equal(pipeline, log, result)
    log.run("UPDATE items SET n = 2 WHERE id = 10", "DELETE FROM items WHERE id = 5")
    result = pipeline.run(ITEMS)
    assert (result.updated, result.deleted) == (1, 1)


def test_a_load_that_is_cut_off_again_and_again_arrives(pipeline: Pipeline, log: Log) -> None:
    fill(log)
    for step, after in enumerate((3, 6, 9, 12, 15), 1):
        cut_off(pipeline, ITEMS, after)
        log.run(
            f"UPDATE items SET n = {step} WHERE id % {step} = 0", f"DELETE FROM items WHERE id = {step * 30}"
        )
    assert_equal(pipeline, log, pipeline.run(ITEMS))


def test_one_that_ended_before_its_rows_became_the_table_reads_none_of_them_again(
    pipeline: Pipeline, log: Log
) -> None:
    fill(log)
    strict = replace(ITEMS, max_rejected_share=0.2)
    pipeline.query("CREATE SCHEMA raw")
    with pytest.raises(Exception, match="5 of 20 rows cannot be loaded"):
        pipeline.run(strict)
    log.run("UPDATE items SET note = 'fits' WHERE id <= 40")
    result = pipeline.run(strict)
    if log.has_gtids:
        assert result.read == 2
    assert_equal(pipeline, log, result)


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("TRUNCATE TABLE items", "it was truncated by"),
        ("ALTER TABLE items MODIFY n BIGINT", "it was altered by"),
        ("RENAME TABLE items TO old_items, other_items TO items", "it was"),
    ],
)
def test_what_names_no_rows_begins_the_load_again(
    statement: str, reason: str, pipeline: Pipeline, log: Log
) -> None:
    fill(log)
    log.run("CREATE TABLE other_items LIKE items", "INSERT INTO other_items VALUES (1, 1, 'other')")
    cut_off(pipeline, ITEMS)
    log.run(statement)
    result = pipeline.run(ITEMS)
    assert result.notes[0].startswith(f"the first load was begun again: {reason}")
    assert_equal(pipeline, log, result)


def test_another_declaration_begins_the_load_again(pipeline: Pipeline, log: Log) -> None:
    fill(log)
    cut_off(pipeline, replace(ITEMS, columns=ITEMS.columns[:2]))
    result = pipeline.run(ITEMS)
    assert result.notes == ("the first load was begun again: its declaration or its columns have changed",)
    assert result.read == ROWS
    assert_equal(pipeline, log, result)


def test_a_log_that_no_longer_reaches_back_begins_the_load_again(pipeline: Pipeline, log: Log) -> None:
    fill(log)
    cut_off(pipeline, ITEMS)
    gone = '{"file": "mysql-bin.000000", "position": 4, "gtid": ""}'
    pipeline.query(f"UPDATE sync.checkpoints SET position = '{gone}'")
    result = pipeline.run(ITEMS)
    assert result.notes[0].startswith("the first load was begun again: ")
    assert_equal(pipeline, log, result)


def test_a_reload_or_another_strategy_does_not_go_on(pipeline: Pipeline, log: Log) -> None:
    fill(log)
    cut_off(pipeline, ITEMS)
    assert_equal(pipeline, log, pipeline.run(ITEMS, reload=True))
    pipeline.query("DROP TABLE raw.items; DROP TABLE history.items; DELETE FROM sync.tables")
    cut_off(pipeline, ITEMS)
    assert_equal(pipeline, log, pipeline.run(replace(ITEMS, strategy=Strategy.FULL)))


# The primary key, and values in no order.
KEYS: dict[str, tuple[str, tuple[str, ...]]] = {
    "either case": ("VARCHAR(20) COLLATE utf8mb4_general_ci", ("'B'", "'a'", "'C'", "'ö'", r"'d\\'''")),
    "letters of latin1": ("VARCHAR(20) CHARACTER SET latin1", ("'é'", "'Z'", "'a'", "'ß'", "'Ö'")),
    "letters of ucs2": ("VARCHAR(20) CHARACTER SET ucs2", ("'Ω'", "'Z'", "'a'", "'é'", "'Ö'")),
    "bytes": ("VARBINARY(8)", ("x'00'", "x'FF'", "''", "x'5C27'", "x'0000'")),
    "decimals": ("DECIMAL(30,10)", ("-2.5", "-10.25", "10.0000000001", "9", "10")),
    "wide numbers": ("BIGINT UNSIGNED", ("18446744073709551615", "0", "9223372036854775808", "7", "10")),
    "bits": ("BIT(64)", ("0xFFFFFFFFFFFFFFFF", "0", "1", "0x8000000000000000", "2")),
    "moments": (
        "TIMESTAMP(6)",
        ("'2024-10-27 00:30:00.000001'", "'1970-01-02'", "'2030-01-01'", "'2024-10-27'", "'2001-01-01'"),
    ),
    "hours": ("TIME", ("'-838:59:59'", "'-1:00:00'", "'800:00:00'", "'9:00:00'", "'10:00:00'")),
    "labels": ("ENUM('z','y','x','w','v')", ("'z'", "'v'", "'x'", "'w'", "'y'")),
}  # fmt: skip


@pytest.mark.parametrize("kind", KEYS)
def test_the_source_s_own_order_counts_whatever_its_key(kind: str, pipeline: Pipeline, log: Log) -> None:
    """A composite key, each of whose first parts has five second ones, so that portions end anywhere."""
    type_, values = KEYS[kind]
    table = Table("places", "mysql", "shop", key=("a", "b"), strategy=Strategy.LOG)
    rows = ", ".join(f"({number}, {value}, 0)" for number in range(4) for value in values)
    log.run(
        f"CREATE TABLE places (a INT, b {type_}, n INT, PRIMARY KEY (a, b))",
        f"INSERT INTO places VALUES {rows}",
    )
    for step, value in enumerate(values[:4], 1):
        cut_off(pipeline, table, after=4 * step)
        log.run(
            f"UPDATE places SET n = {step} WHERE b = {value}",
            f"DELETE FROM places WHERE a = {step - 1} AND b = {values[step]}",
            f"INSERT INTO places VALUES ({10 - step}, {value}, {step}), ({-step}, {value}, {step})",
        )
    result = pipeline.run(table)
    assert (kind == "labels") == (result.notes == ())  # an ENUM's labels are not ordered as texts
    ((count, total),) = log.run("SELECT COUNT(*), CAST(SUM(n * (a + 20)) AS SIGNED) FROM places")
    assert pipeline.query("SELECT count(*), sum(n * (a + 20)) FROM raw.places") == [(count, total)]
    assert pipeline.run(table, reload=True).changed == 0


def test_a_dry_run_leaves_a_first_load_that_was_cut_off_as_it_is(pipeline: Pipeline, log: Log) -> None:
    fill(log)
    cut_off(pipeline, ITEMS)
    before = kept(pipeline)
    result = pipeline.run(ITEMS, dry_run=True)
    assert (result.inserted, result.quarantined) == (ROWS - ROWS // 4, ROWS // 4)
    assert kept(pipeline) == before != []
    assert_equal(pipeline, log, pipeline.run(ITEMS))
