"""The users that the platform works with have the least rights."""

from typing import Any

import psycopg2
import pymysql
import pytest
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import OperationFailure

from stack.cluster import Cluster


@pytest.fixture
def login(stack: Cluster) -> Any:
    def connect(user: str, database: str | None = None) -> Any:
        return pymysql.connect(
            host="127.0.0.1",
            port=stack.ports.known()["mysql"],
            user=user,
            password=stack.home.passwords[f"mysql.{user}"],
            database=database,
            autocommit=True,
        )

    return connect


def test_the_reader_reads_the_shop_and_its_log_and_writes_nothing(shop: Any, login: Any) -> None:
    with shop.cursor() as cursor:
        cursor.execute("CREATE TABLE stock (id INT PRIMARY KEY)")
        cursor.execute("INSERT INTO stock VALUES (1)")
    with login("softcart", "shop") as reader, reader.cursor() as cursor:
        cursor.execute("SELECT id FROM stock")
        assert cursor.fetchall() == ((1,),)
        cursor.execute("SHOW BINARY LOGS")
        assert cursor.fetchall()
        for statement in ("INSERT INTO stock VALUES (2)", "DROP TABLE stock", "CREATE TABLE other (id INT)"):
            with pytest.raises(pymysql.err.OperationalError, match="denied"):
                cursor.execute(statement)


def test_the_restoring_user_reaches_sales_and_its_work_databases_only(shop: Any, login: Any) -> None:
    with shop.cursor() as cursor:
        cursor.execute("CREATE TABLE stock (id INT PRIMARY KEY)")
    with login("restore", "sales") as connection, connection.cursor() as cursor:
        cursor.execute("CREATE DATABASE sales_beside")
        cursor.execute("CREATE TABLE sales_beside.t (id INT)")
        cursor.execute("DROP DATABASE sales_beside")
        for statement in ("SELECT * FROM shop.stock", "CREATE DATABASE salesroom", "CREATE DATABASE other"):
            with pytest.raises(pymysql.err.OperationalError, match="denied"):
                cursor.execute(statement)


def test_the_shopkeeper_reaches_the_shop_only(shop: Any, login: Any) -> None:
    with (
        login("shopkeeper") as connection,
        connection.cursor() as cursor,
        pytest.raises(pymysql.err.OperationalError, match="denied"),
    ):
        cursor.execute("CREATE TABLE sales.t (id INT)")


def test_the_catalogs_reader_follows_its_changes_and_writes_nothing(
    catalog: Database[dict[str, Any]], urls: dict[str, str]
) -> None:
    catalog.books.insert_one({"_id": 1})
    with MongoClient[dict[str, Any]](urls["SOFTCART_MONGO_URL"]) as client:
        reader = client.get_default_database()
        assert reader.books.find_one() == {"_id": 1}
        with reader.watch() as changes:
            catalog.books.insert_one({"_id": 2})
            assert next(changes)["documentKey"] == {"_id": 2}
        with pytest.raises(OperationFailure, match="not authorized"):
            reader.books.insert_one({"_id": 3})


def test_the_bi_role_sees_only_what_production_grants_it(
    urls: dict[str, str], platform: dict[str, str]
) -> None:
    owner = psycopg2.connect(platform["SOFTCART_PRODUCTION_URL"])
    with owner, owner.cursor() as cursor:
        cursor.execute(
            "CREATE SCHEMA bi; CREATE TABLE kept (a int); CREATE VIEW bi.shown AS SELECT a FROM kept"
        )
        cursor.execute("GRANT USAGE ON SCHEMA bi TO bi; GRANT SELECT ON bi.shown TO bi")
    owner.close()
    bi = psycopg2.connect(platform["SOFTCART_BI_URL"])
    bi.autocommit = True
    with bi.cursor() as cursor:
        cursor.execute("SELECT * FROM bi.shown")
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            cursor.execute("SELECT * FROM kept")
    bi.close()
    with pytest.raises(psycopg2.OperationalError, match="permission denied for database"):
        psycopg2.connect(urls["SOFTCART_BI_URL"].replace("/production", "/staging"))
