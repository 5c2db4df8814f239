"""Tables that are declared and that no landing file makes, in the source: those that a user added."""

from __future__ import annotations

from typing import Any

from pymongo import MongoClient

from landing.files import SHOP_FILES
from softcart_assets.tables import SALES, TABLES
from stack.cluster import Cluster
from stack.mariadb import MariaDB
from sync.spec import Table

LANDED = {spec.target for spec in SHOP_FILES} | {f"{SALES.database}.{SALES.source_name}"}
# Of the types that a declaration names, those that MySQL calls otherwise; a key of text has to have a length.
MYSQL_TYPES = {
    "text": "VARCHAR(200)",
    "timestamptz": "TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6)",
    "timestamp": "DATETIME(6)",
    "double precision": "DOUBLE",
    "real": "FLOAT",
    "boolean": "TINYINT(1)",
    "jsonb": "JSON",
    "bytea": "BLOB",
    "uuid": "CHAR(36)",
}


def make_declared(stack: Cluster, catalog_url: str) -> None:
    """Make them, empty; the platform's reader may read them."""
    added = [table for table in TABLES if f"{table.database}.{table.source_name}" not in LANDED]
    with MariaDB(stack.home).connect(stack.ports.known()["mysql"]) as root, root.cursor() as cursor:
        for table in (table for table in added if table.source == "mysql"):
            cursor.execute(f"CREATE DATABASE IF NOT EXISTS `{table.database}`")
            cursor.execute(f"GRANT SELECT ON `{table.database}`.* TO softcart@'%'")
            cursor.execute(_definition(table))
    with MongoClient[dict[str, Any]](catalog_url) as client:
        database = client.get_default_database()
        for table in (table for table in added if table.source == "mongodb"):
            if table.database == database.name and table.source_name not in database.list_collection_names():
                database.create_collection(table.source_name)


def _definition(table: Table) -> str:
    types = {column.source_name: MYSQL_TYPES.get(column.type, column.type) for column in table.columns}
    if table.cursor:
        types.setdefault(table.cursor, MYSQL_TYPES["timestamptz"])
    columns = dict.fromkeys(table.key, "BIGINT NOT NULL") | types
    listed = ", ".join(f"`{name}` {type}" for name, type in columns.items())
    key = ", ".join(f"`{name}`" for name in table.key)
    primary = f", PRIMARY KEY ({key})" if key else ""
    return f"CREATE TABLE `{table.database}`.`{table.source_name}` ({listed or 'id BIGINT'}{primary})"
