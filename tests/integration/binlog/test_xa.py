"""XA transactions, whose rows stand in the log before they are committed: none is missed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from sync.connections.mysql import connect_mysql
from sync.errors import SyncError
from sync.passes import PassResult
from sync.sources.mysql.binlog.statements import Kind
from sync.sources.mysql.source import MySQLSource
from sync.spec import Strategy, Table
from tests.integration.binlog.log import Log, table
from tests.integration.sync_support import Pipeline

ITEM = table("item")
FOLLOWED = Table("item", "mysql", "shop", key=("id",), strategy=Strategy.LOG)


def with_tables(log: Log) -> Log:
    log.run("CREATE TABLE item (id INT PRIMARY KEY)", "CREATE TABLE other (id INT PRIMARY KEY)")
    return log


@pytest.fixture
def any_log(log: Log) -> Log:
    return with_tables(log)


@pytest.fixture(params=["mariadb_log", "mysql_gtid_log"])
def gtid_log(request: pytest.FixtureRequest) -> Log:
    return with_tables(request.getfixturevalue(request.param))


@contextmanager
def prepared(log: Log, name: str, *ids: int, end: str = "COMMIT") -> Iterator[None]:
    """An XA transaction that inserts into a table is prepared before the block, and ended after it."""
    with closing(connect_mysql(log.writer_url)) as connection, connection.cursor() as cursor:
        cursor.execute("XA START 'x', 'branch'")
        for number in ids:
            cursor.execute(f"INSERT INTO {name} VALUES ({number})")
        cursor.execute("XA END 'x', 'branch'")
        cursor.execute("XA PREPARE 'x', 'branch'")
        try:
            yield
        except BaseException:
            end = "ROLLBACK"
            raise
        finally:
            cursor.execute(f"XA {end} 'x', 'branch'")


def test_one_that_is_committed_in_one_phase_is_like_any_other(any_log: Log) -> None:
    start = any_log.position()
    for name in ("other", "item"):
        any_log.run("XA START 'x'", f"INSERT INTO {name} VALUES (9)", "XA END 'x'", "XA COMMIT 'x' ONE PHASE")
    changes = any_log.read(start, ITEM)
    assert set(changes.keys[ITEM]) == {(9,)}
    assert (changes.statements, changes.position.prepared) == ([], {})


def test_one_that_is_prepared_and_committed_within_a_read_names_its_keys(gtid_log: Log) -> None:
    start = gtid_log.position()
    with prepared(gtid_log, "item", 1, 2):
        pass
    changes = gtid_log.read(start, ITEM)
    assert set(changes.keys[ITEM]) == {(1,), (2,)}
    assert (changes.statements, changes.position.prepared) == ([], {})


def test_one_that_is_prepared_in_an_earlier_read_makes_its_tables_be_read_whole(gtid_log: Log) -> None:
    start = gtid_log.position()
    with prepared(gtid_log, "item", 1, 2):
        first = gtid_log.read(start, ITEM, table("other"))
        assert [*first.position.prepared.values()] == [["shop.item"]]
    second = gtid_log.read(first.position, ITEM, table("other"))
    ((statement),) = second.statements
    assert (statement.table, statement.kind) == (ITEM, Kind.WRITTEN)
    assert statement.text.startswith("XA COMMIT")
    assert second.position.prepared == {}


def test_one_of_before_the_position_may_have_changed_anything(gtid_log: Log) -> None:
    with prepared(gtid_log, "other", 1):
        start = gtid_log.position()
    changes = gtid_log.read(start, ITEM)
    assert [(each.table, each.kind) for each in changes.statements] == [(ITEM, Kind.WRITTEN)]


@pytest.mark.parametrize(("name", "end"), [("other", "COMMIT"), ("item", "ROLLBACK")])
def test_one_of_other_tables_or_that_is_rolled_back_costs_nothing(name: str, end: str, gtid_log: Log) -> None:
    start = gtid_log.position()
    with prepared(gtid_log, name, 1, end=end):
        first = gtid_log.read(start, ITEM)
        assert [*first.position.prepared.values()] == [[f"shop.{name}"]]
    second = gtid_log.read(first.position, ITEM)
    assert (list(second.keys[ITEM]), second.statements, second.position.prepared) == ([], [], {})


def test_without_gtids_they_are_refused_with_the_way_out(mysql_log: Log) -> None:
    with_tables(mysql_log)
    start = mysql_log.position()
    with prepared(mysql_log, "other", 1):
        after = mysql_log.read(start, ITEM)
    assert mysql_log.read(after.position, ITEM).statements == []
    start = mysql_log.position()
    with prepared(mysql_log, "item", 1):
        between = mysql_log.position()
    for position in (start, between):
        with pytest.raises(SyncError, match=r"without GTIDs cannot be followed.*--reload.*gtid_mode = ON"):
            mysql_log.read(position, ITEM)
    mysql_log.run("INSERT INTO item VALUES (2)")
    assert mysql_log.keys(mysql_log.position(), ITEM) == set()


def test_a_first_load_while_one_is_prepared_misses_nothing(any_log: Log, staging: str) -> None:
    any_log.run("INSERT INTO item VALUES (1)")
    with closing(MySQLSource(any_log.url)) as source:
        pipeline = Pipeline(source, staging)
        with prepared(any_log, "item", 2, 3):
            assert pipeline.run(FOLLOWED).rows == 1
            any_log.run("INSERT INTO item VALUES (4)")
        result = followed(pipeline, any_log)
        assert result.rows == 4
        with prepared(any_log, "item", 5):
            assert pipeline.run(FOLLOWED, reload=not any_log.has_gtids).rows == 4
        assert followed(pipeline, any_log).rows == 5
        assert pipeline.run(FOLLOWED, reload=True).changed == 0


def followed(pipeline: Pipeline, log: Log) -> PassResult:
    """A pass, by the way out where it is refused."""
    if log.has_gtids:
        result = pipeline.run(FOLLOWED)
        assert result.notes[0].startswith("read whole, since it was written by")
        return result
    with pytest.raises(SyncError, match=r"ends a transaction that may have changed raw\.item"):
        pipeline.run(FOLLOWED)
    return pipeline.run(FOLLOWED, reload=True)
