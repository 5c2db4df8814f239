"""HSQLDB in its Db2 mode, in a Java process of the test's: it executes what Derby does not have of Db2's SQL,
grouping sets and common table expressions."""

from __future__ import annotations

import sysconfig
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

from stack.hadoop import java
from stack.home import Home
from stack.packages import Toolbox


class Hsqldb:
    """One database in memory."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def run(self, statement: str) -> None:
        self._connection.createStatement().execute(statement)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Numbers as decimals, texts without the blanks with which HSQLDB pads a literal of a CASE."""
        found = self._connection.createStatement().executeQuery(query)
        columns = range(1, found.getMetaData().getColumnCount() + 1)
        rows = []
        while found.next():
            rows.append(tuple(_plain(found.getObject(column)) for column in columns))
        return rows


def _plain(value: Any) -> Any:
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, (int, Decimal)):
        return Decimal(value)
    return str(value).rstrip()


@contextmanager
def hsqldb(home: Home) -> Iterator[Hsqldb]:
    """Spark brings the bridge to Java along. Raises `StackError` where the jar cannot be had."""
    from py4j.java_gateway import GatewayParameters, JavaGateway, launch_gateway

    toolbox = Toolbox(home.tools)
    toolbox.ensure("hsqldb")
    spark = Path(sysconfig.get_path("purelib")) / "pyspark" / "jars"
    port = launch_gateway(
        jarpath=str(next(spark.glob("py4j-*.jar"))),
        classpath=str(toolbox.jars("hsqldb") / "hsqldb.jar"),
        java_path=str(java(home)),
        die_on_exit=True,
    )
    gateway = JavaGateway(gateway_parameters=GatewayParameters(port=port, auto_convert=True))
    try:
        gateway.jvm.java.lang.Class.forName("org.hsqldb.jdbc.JDBCDriver")
        url = "jdbc:hsqldb:mem:star;sql.syntax_db2=true"
        yield Hsqldb(gateway.jvm.java.sql.DriverManager.getConnection(url, "SA", ""))
    finally:
        gateway.shutdown()


def literal(value: Any) -> str:
    """A value in SQL."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, (int, Decimal)):
        return str(value)
    return "'" + str(value).replace("'", "''") + "'"


def insert(table: str, rows: Sequence[Sequence[Any]]) -> str:
    return f"INSERT INTO {table} VALUES " + ", ".join(f"({', '.join(map(literal, row))})" for row in rows)
