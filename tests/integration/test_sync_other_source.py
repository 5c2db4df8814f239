"""A table whose source is another one than at its last pass: refused, or read whole, and never mixed."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pymysql
import pytest
from pymongo.database import Database

from stack.cluster import Cluster
from stack.postgres import PostgreSQL
from sync.errors import SyncError
from sync.passes import PassResult
from sync.sources.mongodb.source import MongoDBSource
from sync.sources.mysql.source import MySQLSource
from sync.sources.postgresql.source import PostgreSQLSource
from sync.spec import Column, Strategy, Table
from tests.conftest import MySQLUrls
from tests.fresh import fresh_database
from tests.integration.cli.command import TO, Command
from tests.integration.postgresql_support import Databases
from tests.integration.sync_support import Pipeline, query

CREATE = "CREATE TABLE orders (id int PRIMARY KEY, at timestamptz)"


def followed(table: Table) -> Table:
    return replace(table, strategy=Strategy.WATERMARK, cursor="at")


ORDERS = followed(Table("orders", "postgresql", "public", ("id",)))


def live(url: str, key: str = "id") -> list[Any]:
    return [row[0] for row in query(url, f"SELECT {key} FROM raw.orders WHERE NOT _deleted ORDER BY 1")]


def read_whole(result: PassResult) -> bool:
    return any("read whole" in note for note in result.notes)


def fill(url: str, *keys: int, at: str = "now()") -> None:
    query(url, CREATE)
    query(url, f"INSERT INTO orders VALUES {', '.join(f'({key}, {at})' for key in keys)}")


@pytest.mark.parametrize("strategy", [Strategy.FULL, Strategy.WATERMARK])
def test_another_database_of_the_same_server_is_refused_until_a_reload(
    strategy: Strategy, databases: Databases, stack: Cluster, urls: dict[str, str]
) -> None:
    table = replace(ORDERS, strategy=strategy)
    fill(databases.source_url, 1, 2)
    databases.run(table)
    with fresh_database(stack, urls["SOFTCART_STAGING_URL"]) as url:
        fill(url, 2, 3)
        with closing(PostgreSQLSource(url)) as source:
            elsewhere = Pipeline(source, databases.target_url)
            refusal = r"rows come from postgresql test_\w+\.public\.orders, not from .* Reload the table"
            with pytest.raises(SyncError, match=refusal):
                elsewhere.run(table)
            assert live(databases.target_url) == [1, 2]
            command = Command({"SOURCE": url, "TARGET": databases.target_url})
            said = command.run("copy", "env:SOURCE", "public.orders", *TO, exit_code=1)
            assert "replace them with --reload" in said.stderr
            elsewhere.run(table, reload=True)
            assert live(databases.target_url) == [2, 3]


def test_a_database_that_was_made_anew_is_read_whole(databases: Databases, stack: Cluster) -> None:
    fill(databases.source_url, 1, 2)
    databases.run(ORDERS)
    assert not read_whole(databases.run(ORDERS))
    name = databases.source_url.rpartition("/")[2]
    root = PostgreSQL(stack.home).connect(stack.ports.known()["postgres"])
    with (
        closing(root),
        root.cursor() as cursor,
        fresh_database(stack, databases.source_url) as url,
    ):
        fill(url, 2, 3, at="'2000-01-01'")
        databases.source.close()  # and then the copy takes the former one's name, as after a restore
        cursor.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
        cursor.execute(f'ALTER DATABASE "{url.rpartition("/")[2]}" RENAME TO "{name}"')
        assert read_whole(databases.run(ORDERS))
        assert live(databases.target_url) == [2, 3]
        assert not read_whole(databases.run(ORDERS))


def test_another_mysql_server_with_the_same_database_is_read_whole(
    shop: pymysql.Connection,
    mysql_shop: pymysql.Connection,
    urls: dict[str, str],
    mysql_server: MySQLUrls,
    staging: str,
) -> None:
    early = "(1, '2000-01-01'), (2, '2000-01-01')"
    for connection, rows in ((shop, early), (mysql_shop, early.replace("(1", "(3"))):
        with connection.cursor() as cursor:
            cursor.execute("CREATE TABLE orders (id INT PRIMARY KEY, at TIMESTAMP(6))")
            cursor.execute(f"INSERT INTO orders VALUES {rows}")
    table = followed(Table("orders", "mysql", "shop", ("id",)))
    whole = []
    for url in (urls["SOFTCART_MYSQL_URL"], mysql_server.reader, mysql_server.reader):
        with closing(MySQLSource(url)) as source:
            whole.append(read_whole(Pipeline(source, staging).run(table)))
    assert whole == [False, True, False]
    assert live(staging) == [2, 3]


def test_a_collection_that_was_made_anew_is_read_whole(
    catalog: Database[dict[str, Any]], urls: dict[str, str], staging: str
) -> None:
    old = datetime(2000, 1, 1, tzinfo=UTC)
    columns = (Column("_id", "text"), Column("at", "timestamptz"))
    table = followed(Table("orders", "mongodb", "catalog", ("_id",), columns))
    with closing(MongoDBSource(urls["SOFTCART_MONGO_URL"])) as source:
        orders = Pipeline(source, staging)
        catalog.orders.insert_many([{"_id": "1", "at": datetime.now(UTC)}, {"_id": "2", "at": old}])
        orders.run(table)
        catalog.drop_collection("orders")
        catalog.orders.insert_many([{"_id": "2", "at": old}, {"_id": "3", "at": old}])
        assert read_whole(orders.run(table))
        assert live(staging, "_id") == ["2", "3"]
        assert not read_whole(orders.run(table))
