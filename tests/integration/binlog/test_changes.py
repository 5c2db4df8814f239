"""Changed keys from the log of a real server."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from sync.errors import TransientError
from sync.sources.mysql.binlog import changes as reading
from sync.sources.mysql.binlog.statements import Kind
from tests.integration.binlog.log import Log, table


def test_keys_of_inserted_updated_and_deleted_rows_are_named(log: Log) -> None:
    log.run("CREATE TABLE item (id INT PRIMARY KEY, note TEXT, other INT)")
    start = log.position()
    log.run("INSERT INTO item VALUES (1, 'a', NULL), (2, NULL, 5), (3, NULL, NULL)")
    assert log.keys(start, table("item")) == {(1,), (2,), (3,)}
    middle = log.position()
    log.run("UPDATE item SET note = 'b' WHERE id = 1", "DELETE FROM item WHERE id = 3")
    assert log.keys(middle, table("item")) == {(1,), (3,)}


def test_an_update_that_changes_the_key_names_both_keys(log: Log) -> None:
    log.run("CREATE TABLE item (note TEXT, id INT PRIMARY KEY)", "INSERT INTO item VALUES ('a', 1)")
    start = log.position()
    log.run("UPDATE item SET id = 7")
    assert log.keys(start, table("item")) == {(1,), (7,)}


def test_a_read_that_goes_on_from_its_position_sees_each_change_once(log: Log) -> None:
    log.run("CREATE TABLE item (id INT PRIMARY KEY)")
    position, seen = log.position(), []
    for number in range(5):
        log.run(f"INSERT INTO item VALUES ({number})")
        changes = log.read(position, table("item"))
        seen += list(changes.keys[table("item")])
        position = log.quiet(changes.position)
    assert seen == [(0,), (1,), (2,), (3,), (4,)]
    assert log.read(position, table("item")).transactions == 0


def test_nothing_behind_the_bound_is_read(log: Log) -> None:
    log.run("CREATE TABLE item (id INT PRIMARY KEY)")
    start = log.position()
    log.run("INSERT INTO item VALUES (1)")
    bound = log.position()
    log.run("INSERT INTO item VALUES (2)")
    changes = log.read(start, table("item"), bound=bound)
    assert list(changes.keys[table("item")]) == [(1,)]
    assert log.keys(log.quiet(changes.position), table("item")) == {(2,)}


def test_the_limit_ends_a_read_at_the_end_of_a_transaction(log: Log) -> None:
    log.run("CREATE TABLE item (id INT PRIMARY KEY)")
    start = log.position()
    log.run("INSERT INTO item VALUES (1), (2), (3)", "INSERT INTO item VALUES (4)")
    changes = log.read(start, table("item"), limit=2)
    assert not changes.complete
    assert set(changes.keys[table("item")]) == {(1,), (2,), (3,)}
    assert log.keys(log.quiet(changes.position), table("item")) == {(4,)}


def test_without_gtids_the_last_transactions_are_named_again(mysql_log: Log) -> None:
    mysql_log.run(
        "FLUSH BINARY LOGS", "CREATE TABLE item (id INT PRIMARY KEY)", "INSERT INTO item VALUES (1)"
    )
    status = replace(mysql_log.position(), tail=None)
    first = mysql_log.read(status, table("item"))
    assert set(first.keys[table("item")]) == {(1,)} and not first.statements
    mysql_log.run("INSERT INTO item VALUES (2)", "TRUNCATE item")
    second = mysql_log.read(first.position, table("item"))
    assert set(second.keys[table("item")]) == {(1,), (2,)}
    assert [each.kind for each in second.statements] == [Kind.TRUNCATED]
    third = mysql_log.read(second.position, table("item"), limit=1)
    assert third.complete and third.position == second.position and not third.statements
    mysql_log.run("FLUSH BINARY LOGS", "INSERT INTO item VALUES (3)")
    fourth = mysql_log.read(third.position, table("item"))
    assert fourth.position.tail == 4
    mysql_log.run("INSERT INTO item VALUES (4)")
    assert mysql_log.keys(fourth.position, table("item")) == {(3,), (4,)}


def test_without_gtids_a_last_transaction_of_many_keys_is_passed(mysql_log: Log) -> None:
    mysql_log.run("CREATE TABLE item (id INT PRIMARY KEY)")
    start = mysql_log.position()
    mysql_log.run("INSERT INTO item VALUES (1), (2), (3)")
    first = mysql_log.read(start, table("item"), limit=1)
    mysql_log.run("INSERT INTO item VALUES (4)")
    second = mysql_log.read(first.position, table("item"), limit=1)
    assert set(second.keys[table("item")]) == {(1,), (2,), (3,), (4,)}


def test_without_gtids_a_log_that_is_not_flushed_up_to_its_end_is_waited_for(
    mysql_log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    mysql_log.run("FLUSH BINARY LOGS", "CREATE TABLE item (id INT PRIMARY KEY)")
    start = mysql_log.position()
    mysql_log.run("INSERT INTO item VALUES (1)")
    flushed = mysql_log.position()
    bound = replace(flushed, offset=2 * flushed.offset - start.offset)  # of another such transaction
    monkeypatch.setattr(reading.time, "sleep", lambda _: mysql_log.run("INSERT INTO item VALUES (2)"))
    assert set(mysql_log.read(start, table("item"), bound=bound).keys[table("item")]) == {(1,), (2,)}
    monkeypatch.setattr(reading.time, "sleep", lambda _: None)
    with pytest.raises(TransientError, match="the server sends its log up to there"):
        mysql_log.read(start, table("item"), bound=replace(bound, offset=bound.offset + 1))


def test_without_gtids_keys_of_before_the_table_was_altered_are_not_named_again(mysql_log: Log) -> None:
    mysql_log.run(
        "FLUSH BINARY LOGS",
        "CREATE TABLE item (id VARCHAR(9) CHARACTER SET latin1 PRIMARY KEY)",
        "INSERT INTO item VALUES ('abc')",
        "ALTER TABLE item MODIFY id VARCHAR(9) CHARACTER SET ucs2",
        "INSERT INTO item VALUES ('x')",
    )
    status = replace(mysql_log.position(), tail=None)
    assert set(mysql_log.read(status, table("item")).keys[table("item")]) == {("x",)}


def test_a_transaction_over_several_tables_names_the_keys_of_each_that_is_followed(log: Log) -> None:
    for name in ("one", "two", "three"):
        log.run(f"CREATE TABLE {name} (id INT PRIMARY KEY)")
    start = log.position()
    log.run("BEGIN", *(f"INSERT INTO {name} VALUES (1)" for name in ("one", "two", "three")))
    log.run("INSERT INTO one VALUES (2)", "COMMIT", "BEGIN", "INSERT INTO two VALUES (9)", "ROLLBACK")
    one, two = table("one"), table("two")
    changes = log.read(start, one, two)
    assert set(changes.keys[one]) == {(1,), (2,)}
    assert set(changes.keys[two]) == {(1,)}


def test_random_changes_name_exactly_the_keys_that_they_touch(log: Log) -> None:
    log.run(
        "CREATE TABLE item (a VARCHAR(300) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin, note TEXT, n BIGINT,"
        " price DECIMAL(12,2), b INT UNSIGNED, seen DATETIME(3), PRIMARY KEY (b, a))"
    )
    item, chance, live = table("item", "a", "b"), random.Random(7), set()
    for _ in range(10):
        start, touched = log.position(), set()
        log.run("BEGIN")
        for _ in range(60):
            key = (chance.choice(["", "é", "x" * 290, "'\\"]), chance.randrange(20) * 214_748_364)
            values = f"_utf8mb4 x'{key[0].encode().hex()}', {chance.choice(['NULL', 'REPEAT(1, 300)'])}"
            if key not in live:
                log.run(f"INSERT INTO item (a, note, b, n) VALUES ({values}, {key[1]}, NULL)")
                live.add(key)
            elif chance.random() < 0.5:
                log.run(f"DELETE FROM item WHERE (a, b) = (_utf8mb4 x'{key[0].encode().hex()}', {key[1]})")
                live.remove(key)
            else:
                log.run(f"UPDATE item SET n = COALESCE(n, 0) + 1, price = n WHERE b = {key[1]}")
                touched |= {each for each in live if each[1] == key[1]}
            touched.add(key)
        log.run("COMMIT")
        assert log.keys(start, item) == touched


def test_statements_without_rows_are_told_in_order(log: Log) -> None:
    log.run("CREATE TABLE item (id INT PRIMARY KEY)", "CREATE TABLE other (id INT PRIMARY KEY)")
    start = log.position()
    log.run(
        "ALTER TABLE item ADD COLUMN note TEXT",
        "TRUNCATE item",
        "RENAME TABLE other TO another",
        "ALTER TABLE item RENAME away",
        "CREATE TABLE item LIKE away",
        "DROP TABLE away, item",
        "CREATE TABLE item (note TEXT, id INT PRIMARY KEY)",
        "INSERT INTO item VALUES ('a', 2)",
    )
    changes = log.read(start, table("item"))
    assert [each.kind for each in changes.statements] == [
        Kind.ALTERED, Kind.TRUNCATED, Kind.ALTERED, Kind.MOVED_AWAY, Kind.CREATED, Kind.DROPPED, Kind.CREATED,
    ]  # fmt: skip
    assert set(changes.keys[table("item")]) == {(2,)}
