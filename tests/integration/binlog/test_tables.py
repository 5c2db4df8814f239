"""What happens to tables between two positions, apart from rows."""

from __future__ import annotations

import pytest

from sync.errors import SyncError
from sync.sources.mysql.binlog.statements import Kind
from tests.integration.binlog.log import Log, table

ITEM = table("item")


def kinds(log: Log, *statements: str) -> list[Kind]:
    start = log.position()
    log.run(*statements)
    return [each.kind for each in log.read(start, ITEM).statements]


def test_rows_before_and_after_a_changed_definition_are_read_where_the_log_names_columns(
    server_log: Log,
) -> None:
    server_log.set("binlog_row_metadata", "FULL")
    server_log.run("CREATE TABLE item (note VARCHAR(9), id INT PRIMARY KEY)")
    start = server_log.position()
    server_log.run(
        "INSERT INTO item VALUES ('a', 1)",
        "ALTER TABLE item ADD COLUMN extra BIGINT FIRST, MODIFY id BIGINT",
        "INSERT INTO item VALUES (7, 'b', 5000000000)",
        "UPDATE item SET note = 'c'",
    )
    changes = server_log.read(start, ITEM)
    assert sorted(changes.keys[ITEM]) == [(1,), (5_000_000_000,)]
    assert [each.kind for each in changes.statements] == [Kind.ALTERED]


def test_without_names_in_the_log_a_column_at_the_end_changes_nothing(server_log: Log) -> None:
    server_log.set("binlog_row_metadata", "MINIMAL")
    server_log.run("CREATE TABLE item (note VARCHAR(9), id INT PRIMARY KEY)")
    start = server_log.position()
    server_log.run(
        "INSERT INTO item VALUES ('a', 1)",
        "ALTER TABLE item ADD COLUMN extra BIGINT",
        "INSERT INTO item VALUES ('b', 2, 3)",
    )
    changes = server_log.read(start, ITEM)
    assert sorted(changes.keys[ITEM]) == [(1,), (2,)]
    assert [each.kind for each in changes.statements] == [Kind.ALTERED]


def test_without_names_in_the_log_rows_of_another_definition_are_told_as_unreadable(server_log: Log) -> None:
    server_log.set("binlog_row_metadata", "MINIMAL")
    server_log.run("CREATE TABLE item (a INT NOT NULL, id INT PRIMARY KEY, b INT)")
    server_log.run("INSERT INTO item VALUES (1, 2, 3)")
    assert kinds(
        server_log, "UPDATE item SET a = 5", "ALTER TABLE item MODIFY id INT FIRST", "UPDATE item SET a = 6"
    ) == [Kind.ALTERED, Kind.UNREADABLE]
    assert kinds(server_log, "UPDATE item SET a = 7", "ALTER TABLE item ADD t TEXT FIRST") == [
        Kind.UNREADABLE, Kind.ALTERED, Kind.UNREADABLE,
    ]  # fmt: skip


def test_an_online_schema_change_shows_as_a_table_that_was_moved_in(log: Log) -> None:
    log.run("CREATE TABLE item (id INT PRIMARY KEY)", "CREATE TABLE _item_new (id BIGINT PRIMARY KEY, a INT)")
    start = log.position()
    log.run(
        "INSERT INTO item VALUES (1)",
        "RENAME TABLE item TO _item_old, _item_new TO item",
        "DROP TABLE _item_old",
        "INSERT INTO item VALUES (2, 2)",
    )
    changes = log.read(start, ITEM)
    seen = [(each.kind, each.other) for each in changes.statements if each.kind is not Kind.UNREADABLE]
    assert seen == [(Kind.MOVED_AWAY, "shop._item_old"), (Kind.MOVED_IN, "shop._item_new")]
    assert (2,) in set(changes.keys[ITEM])


def test_a_dropped_database_drops_its_tables(server_log: Log) -> None:
    server_log.run("CREATE TABLE item (id INT PRIMARY KEY)", "CREATE DATABASE sales_other")
    assert kinds(server_log, "DROP DATABASE sales_other") == []
    start = server_log.position()
    server_log.run("DROP DATABASE shop", "CREATE DATABASE shop", "USE shop")
    assert [each.kind for each in server_log.read(start, ITEM).statements] == [Kind.DROPPED]


def test_a_table_that_is_filled_as_it_is_created_shows_its_rows(server_log: Log) -> None:
    start = server_log.position()
    server_log.run("CREATE TABLE item (id INT PRIMARY KEY) AS SELECT 1 AS id UNION SELECT 2")
    changes = server_log.read(start, ITEM)
    assert [each.kind for each in changes.statements] == [Kind.CREATED]
    assert sorted(changes.keys[ITEM]) == [(1,), (2,)]


def test_tables_without_transactions_are_followed(server_log: Log) -> None:
    server_log.run("CREATE TABLE item (id INT PRIMARY KEY) ENGINE = MyISAM")
    start = server_log.position()
    server_log.run("BEGIN", "INSERT INTO item VALUES (1), (2)", "DELETE FROM item WHERE id = 1", "ROLLBACK")
    assert server_log.keys(start, ITEM) == {(1,), (2,)}


def test_what_was_rolled_back_to_a_savepoint_is_not_followed(server_log: Log) -> None:
    server_log.run("CREATE TABLE item (id INT PRIMARY KEY)")
    start = server_log.position()
    server_log.run("BEGIN", "INSERT INTO item VALUES (1)", "SAVEPOINT s", "INSERT INTO item VALUES (2)")
    server_log.run("ROLLBACK TO s", "INSERT INTO item VALUES (3)", "COMMIT")
    assert server_log.keys(start, ITEM) == {(1,), (3,)}


def test_keys_that_differ_in_case_alone_are_two(server_log: Log) -> None:
    server_log.run("CREATE TABLE item (id VARCHAR(9) COLLATE utf8mb4_general_ci PRIMARY KEY)")
    start = server_log.position()
    server_log.run("INSERT INTO item VALUES ('abc')", "UPDATE item SET id = 'ABC'")
    assert server_log.keys(start, ITEM) == {("abc",), ("ABC",)}


def test_definitions_in_other_databases_do_not_matter(server_log: Log) -> None:
    server_log.run("CREATE TABLE item (id INT PRIMARY KEY)", "CREATE DATABASE sales_other")
    start = server_log.position()
    server_log.run(
        "USE sales_other",
        "CREATE TABLE item (id INT PRIMARY KEY)",
        "INSERT INTO item VALUES (1)",
        "SET SESSION binlog_format = STATEMENT",
        "CREATE VIEW v AS SELECT * FROM shop.item",
        "CREATE TEMPORARY TABLE mine (id INT)",
        "TRUNCATE item",
        "USE shop",
    )
    changes = server_log.read(start, ITEM)
    assert not changes.statements and not list(changes.keys[ITEM])


def test_cascades_that_the_log_does_not_show_are_refused(log: Log) -> None:
    log.run(
        "CREATE TABLE parent (id INT PRIMARY KEY)",
        "CREATE TABLE item (id INT PRIMARY KEY, parent INT, CONSTRAINT kin FOREIGN KEY (parent)"
        " REFERENCES parent (id) ON DELETE CASCADE)",
        "INSERT INTO parent VALUES (1)",
        "INSERT INTO item VALUES (7, 1)",
    )
    start = log.position()
    log.run("DELETE FROM parent")
    if log.logs_cascades:
        assert log.keys(start, ITEM) == {(7,)}
    else:
        with pytest.raises(SyncError, match=r"raw\.item: foreign key kin to .parent. has ON DELETE CASCADE"):
            log.read(start, ITEM)


@pytest.mark.parametrize(("name", "value"), [("sql_mode", "ANSI_QUOTES"), ("sql_quote_show_create", 0)])
def test_cascades_are_seen_however_the_server_quotes_names(
    mariadb_log: Log, name: str, value: str | int
) -> None:
    mariadb_log.run(
        "CREATE TABLE parent (id INT PRIMARY KEY)",
        "CREATE TABLE item (id INT PRIMARY KEY, parent INT, CONSTRAINT kin FOREIGN KEY (parent)"
        " REFERENCES parent (id) ON DELETE CASCADE)",
    )
    start = mariadb_log.position()
    mariadb_log.set(name, value)
    mariadb_log.run("INSERT INTO parent VALUES (1)")
    with pytest.raises(SyncError, match=r"raw\.item: foreign key kin to .parent. has ON DELETE CASCADE"):
        mariadb_log.read(start, ITEM)
