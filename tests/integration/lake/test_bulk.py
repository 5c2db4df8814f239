"""First loads of tables that Spark reads over JDBC, whose driver is in Maven Central."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import cast

import pytest

from lake.bulk import DRIVER, bulk_folder, empty, jdbc_url, lines_in, read_by_spark
from lake.delta import open_table, snapshot_of
from lake.location import Location
from resources.spark import SparkResource
from sync.bulk_load import keep_first_load
from sync.connections.urls import parse
from sync.engine import run_pass
from sync.errors import SyncError
from sync.first_load import log_position
from sync.sources.mysql.source import MySQLSource
from sync.spec import Strategy, Table
from sync.targets.postgresql.target import PostgreSQLTarget
from tests.integration.mysql_server import Server

ORDERS = Table("orders", "mysql", "shop", strategy=Strategy.LOG, key=("id",))


@pytest.fixture(scope="module")
def spark() -> Iterator[SparkResource]:
    resource = SparkResource(master="local[2]", packages=DRIVER, settings={"spark.driver.memory": "768m"})
    yield resource
    resource.stop()


@pytest.mark.extended
@pytest.mark.parametrize("server", ["MariaDB", "MySQL"], indirect=True)
def test_a_table_that_is_written_to_while_spark_reads_it_equals_its_source(
    server: Server, spark: SparkResource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sync.sources.mysql.lines.PORTION_ROWS", 500)
    monkeypatch.setattr("sync.sources.mysql.portions.PORTION_ROWS", 500)
    server.run(
        "CREATE TABLE orders (id INT PRIMARY KEY, name VARCHAR(40), at TIMESTAMP(3) NULL, paid DECIMAL(9,2),"
        " data BLOB, day DATE)",
        "SET SESSION sql_mode = ''",
        "INSERT INTO orders SELECT n, CONCAT('a\\tb\\\\', n, 'ü'), '2024-05-01 10:00:00.125', n / 4, x'00FF',"
        " '2024-02-29' FROM (WITH RECURSIVE s AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM s WHERE n < 900)"
        " SELECT n FROM s) AS numbers",
        "INSERT INTO orders SELECT id + 1000, name, NULL, NULL, NULL, NULL FROM orders",
        "UPDATE orders SET day = '0000-00-00' WHERE id = 7",
    )
    lake, source = Location.parse(str(tmp_path)), cast("MySQLSource", server.pipeline.source)
    with (
        closing(PostgreSQLTarget(server.pipeline.target_url)) as target,
        server.set({"sql_select_limit": 100}),
    ):
        with source.snapshot() as snapshot:
            position = log_position(ORDERS, source, snapshot)
            lines = snapshot.lines(ORDERS, source.describe(ORDERS).columns, 1000)
        assert len(lines.conditions) == 2
        # What the parts may or may not show: the log tells.
        server.run(
            "UPDATE orders SET name = 'later' WHERE id = 3",
            "DELETE FROM orders WHERE id = 4",
            "INSERT INTO orders (id, name) VALUES (5000, 'new')",
        )
        read = read_by_spark(spark.session, parse(server.url), lines, lake, bulk_folder("raw", "orders"))
        server.run("DELETE FROM orders WHERE id = 5", "UPDATE orders SET paid = 0 WHERE id = 1005")
        with source.snapshot() as snapshot:
            kept = keep_first_load(
                ORDERS, source, target, position,
                lambda columns: snapshot.chunks_of(ORDERS, columns, lines_in(read)), "a test",
            )  # fmt: skip
        assert kept == 1800
        empty(read)
        result = run_pass(ORDERS, source, target, "a test")
        assert (result.rows, result.quarantined, result.differences) == (1798, 1, ())
        assert "goes on behind 1800 rows" in result.notes[0]
        assert result.read < 20
        with pytest.raises(SyncError, match="only the first load of a table"):
            keep_first_load(ORDERS, source, target, position, lambda _columns: iter(()), "a test")
    shown = server.pipeline.query(
        "SELECT id, name, at AT TIME ZONE 'UTC', paid, data FROM raw.orders"
        " WHERE id IN (2, 3, 4, 5, 1005, 5000) ORDER BY id"
    )
    assert [(row[0], row[1]) for row in shown] == [
        (2, "a\tb\\2ü"), (3, "later"), (1005, "a\tb\\5ü"), (5000, "new"),
    ]  # fmt: skip
    assert (str(shown[0][2]), shown[0][3], bytes(shown[0][4])) == (
        "2024-05-01 10:00:00.125000", Decimal("0.50"), b"\x00\xff",
    )  # fmt: skip
    table = open_table(lake, bulk_folder("raw", "orders"))
    assert table is not None
    assert snapshot_of(table).files == ()
    assert list(tmp_path.rglob("*.parquet")) == []


@pytest.mark.extended
@pytest.mark.parametrize("server", ["MariaDB", "MySQL"], indirect=True)
def test_a_table_of_texts_and_numbers_alone_is_read_too(
    server: Server, spark: SparkResource, tmp_path: Path
) -> None:
    server.run(
        "CREATE TABLE orders (id INT PRIMARY KEY, name VARCHAR(40) CHARACTER SET latin1, paid DECIMAL(9,2))",
        "INSERT INTO orders VALUES (1, 'a\\tü', 1.50), (2, NULL, NULL)",
    )
    lake, source = Location.parse(str(tmp_path)), cast("MySQLSource", server.pipeline.source)
    with source.snapshot() as snapshot:
        lines = snapshot.lines(ORDERS, source.describe(ORDERS).columns, 1000)
    read = read_by_spark(spark.session, parse(server.url), lines, lake, bulk_folder("raw", "orders"))
    assert sorted(b"".join(each for part in lines_in(read) for each in part).splitlines()) == [
        "1\ta\\tü\t1.50".encode(), b"2\t\\N\t\\N",
    ]  # fmt: skip


def test_the_address_for_the_driver_says_how_to_encrypt_and_refuses_what_it_does_not_know() -> None:
    assert jdbc_url(parse("mysql://u:p@db/shop?ssl_mode=required")) == (
        "jdbc:mysql://db:3306/shop?permitMysqlScheme=true&sslMode=trust"
    )
    with pytest.raises(SyncError, match="Spark's driver takes no unix_socket"):
        jdbc_url(parse("mysql://u:p@db/shop?unix_socket=/tmp/s"))
