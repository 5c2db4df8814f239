"""Positions: where a read begins, where it must not, and what is said then."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace

import pytest

from sync.connections.urls import parse
from sync.errors import SyncError
from sync.sources.mysql.binlog import tables
from sync.sources.mysql.binlog.changes import read_changes
from sync.sources.mysql.binlog.position import BinlogPosition, earliest
from sync.sources.mysql.source import MySQLSource
from tests.integration.binlog.log import NO_LIMIT, Log, table

ITEM = table("item")


@pytest.fixture
def followed(log: Log) -> Log:
    log.run("CREATE TABLE item (id INT PRIMARY KEY)", "INSERT INTO item VALUES (1)")
    return log


def after_a_read(log: Log) -> BinlogPosition:
    """A position that a reader stored: its file, offset and GTIDs belong together."""
    start = log.position()
    log.run("INSERT INTO item VALUES (2)")
    position = log.quiet(log.read(start, ITEM).position)
    assert position.server
    return position


def test_a_position_survives_as_text(followed: Log) -> None:
    position = after_a_read(followed)
    assert BinlogPosition.parse(str(position)) == position
    with pytest.raises(SyncError, match=r"is no binlog position.*Reload the table"):
        BinlogPosition.parse('{"file": 1}')


def test_a_purged_position_is_refused_with_the_way_out(followed: Log) -> None:
    start = after_a_read(followed)
    followed.run("INSERT INTO item VALUES (3)", "FLUSH BINARY LOGS", "INSERT INTO item VALUES (4)")
    followed.purge()
    with pytest.raises(SyncError, match=r"(?s)binlog position .*no longer has the log.*Reload the table"):
        followed.read(start, ITEM)


def test_a_file_without_new_transactions_may_be_purged_where_there_are_gtids(followed: Log) -> None:
    start = after_a_read(followed)
    followed.run("FLUSH BINARY LOGS", "INSERT INTO item VALUES (3)")
    followed.purge()
    if followed.has_gtids:
        assert followed.keys(start, ITEM) == {(3,)}
    else:
        with pytest.raises(SyncError, match="no longer has the log"):
            followed.read(start, ITEM)


def of_a_snapshot(log: Log) -> BinlogPosition:
    source = MySQLSource(log.url)
    with closing(source), source.snapshot() as snapshot:
        assert snapshot.log_start
        return BinlogPosition.parse(snapshot.log_start)


@pytest.mark.parametrize("taken", [after_a_read, of_a_snapshot])
def test_a_log_that_was_begun_anew_is_refused_even_where_its_numbers_are_the_same(
    followed: Log, taken: Callable[[Log], BinlogPosition]
) -> None:
    followed.begin_log_anew()
    followed.run("INSERT INTO item VALUES (3)", "DELETE FROM item WHERE id > 1")
    start = followed.quiet(taken(followed))
    followed.run("DELETE FROM item WHERE id > 1")
    followed.begin_log_anew()
    followed.run("INSERT INTO item VALUES (4)", "DELETE FROM item WHERE id > 1")
    if taken is after_a_read:
        followed.run("INSERT INTO item VALUES (5)")
    same = followed.position()
    assert (same.order, same.gtids) == (start.order, start.gtids)
    with pytest.raises(SyncError, match=r"its log was begun anew.*Reload the table"):
        followed.read(start, ITEM)
    followed.run("INSERT INTO item VALUES (6)")
    with pytest.raises(SyncError, match=r"its log was begun anew.*Reload the table"):
        followed.read(start, ITEM)


def test_of_several_tables_the_one_from_before_the_log_was_begun_anew_is_refused(followed: Log) -> None:
    followed.run("FLUSH BINARY LOGS")
    before = after_a_read(followed)
    followed.begin_log_anew()
    followed.run("INSERT INTO item VALUES (3)")
    several = earliest([before, followed.quiet(of_a_snapshot(followed))])
    followed.run("INSERT INTO item VALUES (4)")
    with pytest.raises(SyncError, match="its log was begun anew"):
        followed.read(several, ITEM)


def test_a_log_that_lost_its_end_is_refused_though_its_gtids_go_on(followed: Log) -> None:
    start = after_a_read(followed)
    ahead = replace(start, offset=start.offset + 10**8, tail=None)
    followed.run("INSERT INTO item VALUES (3)")
    with pytest.raises(SyncError, match="its log ends before that"):
        followed.read(ahead, ITEM)


def test_a_log_that_went_on_in_other_files_is_the_same_one(followed: Log) -> None:
    start = after_a_read(followed)
    followed.run("FLUSH BINARY LOGS", "INSERT INTO item VALUES (3)", "FLUSH BINARY LOGS")
    changes = followed.read(start, ITEM)
    assert set(changes.keys[ITEM]) == {(3,)}
    followed.run("INSERT INTO item VALUES (4)")
    assert followed.keys(followed.quiet(changes.position), ITEM) == {(4,)}


def test_a_position_ahead_of_the_log_is_refused(followed: Log) -> None:
    start = after_a_read(followed)
    unknown = f"{uuid.uuid4()}:1-5" if ":" in start.gtids else "7-7-7"
    ahead = replace(start, offset=start.offset + 10**8, gtids=f"{start.gtids},{unknown}")
    with pytest.raises(SyncError, match="its log ends before that: it lost transactions"):
        followed.read(ahead, ITEM)


def test_another_server_s_position_counts_by_its_gtids_alone(followed: Log) -> None:
    start = replace(after_a_read(followed), server="another", file="elsewhere.000001", offset=7)
    followed.run("INSERT INTO item VALUES (3)")
    if followed.has_gtids:
        assert followed.keys(start, ITEM) == {(3,)}
    else:
        with pytest.raises(SyncError, match=r"is one of another server.*Reload the table"):
            followed.read(start, ITEM)


def test_a_server_that_knows_the_number_but_not_who_gave_it_is_refused(mariadb_log: Log) -> None:
    mariadb_log.run("CREATE TABLE item (id INT PRIMARY KEY)")
    start = after_a_read(mariadb_log)
    mariadb_log.run("INSERT INTO item VALUES (3)", "INSERT INTO item VALUES (4)")
    foreign = re.sub("-[0-9]+-", "-99-", start.gtids)
    with pytest.raises(SyncError, match="Reload the table"):
        mariadb_log.read(replace(start, server="another", witnesses=(), gtids=foreign), ITEM)


def test_file_and_offset_that_do_not_fit_the_gtids_are_not_trusted(
    mariadb_log: Log, mysql_gtid_log: Log
) -> None:
    for log in (mariadb_log, mysql_gtid_log):
        log.run("CREATE TABLE item (id INT PRIMARY KEY)")
        before = log.position()
        log.run("INSERT INTO item VALUES (2)")
        start = replace(log.read(before, ITEM).position, offset=before.offset)
        log.run("INSERT INTO item VALUES (3)")
        assert log.keys(start, ITEM) == {(3,)}


def test_transactions_that_were_executed_but_not_logged_are_a_gap(mysql_gtid_log: Log) -> None:
    mysql_gtid_log.run("CREATE TABLE item (id INT PRIMARY KEY)")
    start = after_a_read(mysql_gtid_log)
    missing = f"{uuid.uuid4()}:1-5"
    mysql_gtid_log.run(f"SET GLOBAL gtid_purged = '+{missing}'")
    with pytest.raises(SyncError, match=f"ends without the transactions {missing}"):
        mysql_gtid_log.read(start, ITEM)


def test_tagged_gtids_are_followed(mysql_gtid_log: Log) -> None:
    log = mysql_gtid_log
    log.run("CREATE TABLE item (id INT PRIMARY KEY)")
    start = log.position()
    log.run("SET SESSION gtid_next = 'AUTOMATIC:night'", "INSERT INTO item VALUES (1)")
    changes = log.read(start, ITEM)
    assert set(changes.keys[ITEM]) == {(1,)}
    assert ":night:1" in changes.position.gtids
    log.run(
        "INSERT INTO item VALUES (2)", "SET SESSION gtid_next = 'AUTOMATIC'", "INSERT INTO item VALUES (3)"
    )
    assert log.keys(replace(changes.position, server="another"), ITEM) == {(2,), (3,)}


def test_a_user_that_may_not_follow_the_log_is_told_the_privilege(followed: Log) -> None:
    user, start, bound = parse(followed.url), followed.position(), None
    followed.run("INSERT INTO item VALUES (3)")
    bound = followed.position()
    followed.run(f"REVOKE REPLICATION SLAVE ON *.* FROM {user.user}@'%'")
    try:
        with pytest.raises(SyncError, match="GRANT REPLICATION SLAVE"):
            read_changes(user, [ITEM], start, bound, NO_LIMIT)
    finally:
        followed.run(f"GRANT REPLICATION SLAVE ON *.* TO {user.user}@'%'")


def test_a_transaction_with_more_keys_than_fit_in_memory_comes_whole(
    followed: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "SPILL_KEYS", 300)
    start = followed.position()
    followed.run("BEGIN")
    for first in range(10, 2000, 100):
        followed.run(f"INSERT INTO item VALUES {', '.join(f'({n})' for n in range(first, first + 100))}")
    followed.run("DELETE FROM item WHERE id < 1000", "COMMIT")
    changes = followed.read(start, ITEM, limit=5)
    keys = list(changes.keys[ITEM])
    assert len(keys) == len(set(keys)) == 2001
    assert len(changes.keys[ITEM]) >= len(keys)


def test_the_log_comes_over_tls_where_that_is_asked_for(mysql_log: Log) -> None:
    mysql_log.url += "?ssl_mode=required"
    mysql_log.run("CREATE TABLE item (id INT PRIMARY KEY)")
    start = mysql_log.position()
    mysql_log.run("INSERT INTO item VALUES (1)")
    assert mysql_log.keys(start, ITEM) == {(1,)}
