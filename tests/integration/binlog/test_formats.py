"""The same keys in every form that a server can write its log in."""

from __future__ import annotations

import pytest

from sync.errors import SyncError
from tests.integration.binlog.log import Log, table

ITEM = table("item", "code", "number")


def change(log: Log) -> set[tuple[object, ...]]:
    """Inserts, updates of this and that, and deletes; returns the keys that the log has to name."""
    rows = ", ".join(f"({n % 3 or 'NULL'}, 'k{n}', {n}, REPEAT('x', {n}), '{{}}', {n})" for n in range(1, 60))
    log.run(
        f"INSERT INTO item VALUES {rows}",
        "UPDATE item SET amount = 1 WHERE number = 3",
        "UPDATE item SET note = NULL WHERE number = 4",
        "UPDATE item SET code = 'moved' WHERE number = 5",
        "UPDATE item SET number = 1000, amount = NULL WHERE number = 6",
        "UPDATE item SET document = JSON_SET(document, '$.a', 1) WHERE number = 7",
        "DELETE FROM item WHERE number > 50",
    )
    return {(f"k{n}", n) for n in range(1, 60)} | {("moved", 5), ("k6", 1000)}


def make(log: Log) -> None:
    log.run(
        "CREATE TABLE item (amount INT, code VARCHAR(30) NOT NULL, number BIGINT NOT NULL, note TEXT,"
        " document JSON, extra DECIMAL(9,2), PRIMARY KEY (number, code))"
    )


@pytest.mark.parametrize("image", ["FULL", "MINIMAL", "NOBLOB"])
@pytest.mark.parametrize("metadata", ["FULL", "MINIMAL"])
def test_every_row_image_and_kind_of_metadata_names_the_keys(
    server_log: Log, image: str, metadata: str
) -> None:
    server_log.set("binlog_row_image", image)
    server_log.set("binlog_row_metadata", metadata)
    make(server_log)
    start = server_log.position()
    assert server_log.keys(start, ITEM) == set()
    assert change(server_log) == server_log.keys(start, ITEM)


@pytest.mark.parametrize("checksum", ["CRC32", "NONE"])
def test_a_log_with_and_without_checksums_is_read(log: Log, checksum: str) -> None:
    make(log)
    start = log.position()
    log.run("INSERT INTO item VALUES (1, 'before', 0, NULL, NULL, 1)")
    log.set("binlog_checksum", checksum)
    assert {*change(log), ("before", 0)} == log.keys(start, ITEM)


def test_mariadb_s_compressed_events_are_read(mariadb_log: Log) -> None:
    mariadb_log.set("log_bin_compress", "ON")
    mariadb_log.set("log_bin_compress_min_len", 10)
    make(mariadb_log)
    start = mariadb_log.position()
    assert change(mariadb_log) == mariadb_log.keys(start, ITEM)
    mariadb_log.run("ALTER TABLE item COMMENT 'a statement that is long enough to be compressed as well'")
    assert [each.text[:16] for each in mariadb_log.read(start, ITEM).statements] == ["ALTER TABLE item"]


def test_mysql_s_compressed_transactions_are_read(mysql_log: Log) -> None:
    mysql_log.set("binlog_transaction_compression", "ON")
    make(mysql_log)
    start = mysql_log.position()
    assert change(mysql_log) == mysql_log.keys(start, ITEM)
    middle = mysql_log.position()
    mysql_log.run(
        "BEGIN", *(f"INSERT INTO item (code, number) VALUES ('{'y' * 30}', {n})" for n in range(99, 200))
    )
    mysql_log.run("COMMIT")
    assert mysql_log.keys(middle, ITEM) == {("y" * 30, n) for n in range(99, 200)}


def test_partial_updates_of_json_are_read(mysql_log: Log) -> None:
    mysql_log.set("binlog_row_value_options", "PARTIAL_JSON")
    mysql_log.run(
        "CREATE TABLE item (a JSON, code VARCHAR(9) NOT NULL, number INT PRIMARY KEY, b JSON)",
        """INSERT INTO item VALUES ('{"a": 1, "b": [1, 2, 3]}', 'x', 1, '{"c": "something long enough"}')""",
    )
    for image in ("FULL", "MINIMAL"):
        mysql_log.set("binlog_row_image", image)
        start = mysql_log.position()
        mysql_log.run(
            "UPDATE item SET a = JSON_SET(a, '$.a', 2)",
            "UPDATE item SET b = JSON_SET(b, '$.c', 's'), a = JSON_REMOVE(a, '$.b[0]')",
            "UPDATE item SET b = JSON_SET(b, '$.c', 't'), number = number + 1",
        )
        assert len(mysql_log.keys(start, table("item", "number"))) == 2


def test_a_log_of_statements_is_refused_with_the_way_out(server_log: Log) -> None:
    make(server_log)
    start = server_log.position()
    server_log.set("binlog_format", "STATEMENT")
    with pytest.raises(SyncError, match=r"binlog_format is STATEMENT.*SET GLOBAL"):
        server_log.read(start, ITEM)


def test_a_session_s_statement_that_may_write_to_followed_tables_is_refused(server_log: Log) -> None:
    make(server_log)
    start = server_log.position()
    server_log.run("SET SESSION binlog_format = STATEMENT", "INSERT INTO item (code, number) VALUES ('a', 1)")
    with pytest.raises(SyncError, match=r"holds a statement in place of its rows: .INSERT INTO item"):
        server_log.read(start, ITEM)


def test_events_of_more_than_a_packet_and_files_that_rotate_in_between_are_read(log: Log) -> None:
    log.set("max_allowed_packet", 64 << 20)
    log.run(
        "CREATE TABLE item (note LONGTEXT, id INT PRIMARY KEY)",
        "CREATE TABLE foreign_item (note LONGTEXT, id INT PRIMARY KEY)",
    )
    start = log.position()
    log.run(*(f"INSERT INTO {name} VALUES (REPEAT('x', 1 << 24), 1)" for name in ("item", "foreign_item")))
    log.run("FLUSH BINARY LOGS", "INSERT INTO item VALUES ('small', 9)")
    changes = log.read(start, table("item"))
    assert set(changes.keys[table("item")]) == {(1,), (9,)}
    assert changes.position.file > start.file
    log.run("INSERT INTO item VALUES ('small', 10)")
    assert log.keys(log.quiet(changes.position), table("item")) == {(10,)}
