"""What servers log as statements: all that may have changed rows is refused, all else is harmless."""

from __future__ import annotations

import pytest

from sync.errors import SyncError
from tests.integration.binlog.log import Log, table

ITEM = table("item")
MAKE = "CREATE TABLE item (id INT PRIMARY KEY, note INT)"

# MySQL lets no function write while a table is made.
MARIADB_ALONE = (
    "CREATE TEMPORARY TABLE mine AS SELECT * FROM calls",
    "CREATE TABLE other AS SELECT * FROM calls",
)


def is_mariadb(log: Log) -> bool:
    return "mariadb" in log.run("SELECT version()")[0][0].lower()


def make_other(log: Log, *statements: str) -> None:
    log.run(MAKE, "CREATE DATABASE sales_other", "CREATE TABLE sales_other.t2 (id INT)", *statements)


def test_a_write_through_another_database_is_refused(server_log: Log) -> None:
    """None of these names the followed database; all write to it."""
    make_other(
        server_log,
        "SET GLOBAL log_bin_trust_function_creators = 1",
        "CREATE TRIGGER sales_other.g BEFORE INSERT ON sales_other.t2 FOR EACH ROW"
        " INSERT INTO shop.item VALUES (NEW.id, 0)",
        "CREATE VIEW sales_other.v AS SELECT * FROM shop.item",
        "CREATE FUNCTION sales_other.f1() RETURNS INT BEGIN"
        " INSERT INTO shop.item SELECT COALESCE(MAX(id), 0) + 100, 0 FROM shop.item; RETURN 1; END",
        "CREATE VIEW sales_other.calls AS SELECT sales_other.f1() AS id",
        "CREATE TABLE sales_other.memory (id INT) ENGINE = MEMORY",
        "INSERT INTO sales_other.memory VALUES (1)",
        "CREATE TRIGGER sales_other.h BEFORE DELETE ON sales_other.memory FOR EACH ROW DELETE FROM shop.item",
        "CREATE PROCEDURE sales_other.p() UPDATE v SET note = note + 1",
    )
    server_log.run("SET SESSION binlog_format = STATEMENT", "USE sales_other")
    for statement in (
        "INSERT INTO t2 VALUES (1)",
        "INSERT INTO v VALUES (2, 0)",
        "UPDATE v SET note = 5",
        "SELECT f1()",
        "DO f1()",
        "SET @a = f1()",
        "INSERT INTO t2 SELECT f1() + 1000",
        *(MARIADB_ALONE if is_mariadb(server_log) else ()),
        "CALL p()",
        "DELETE FROM v",
        "DELETE FROM `sales_other`.`memory`",
    ):
        start = server_log.position()
        server_log.run(statement)
        with pytest.raises(SyncError, match="holds a statement in place of its rows: "):
            server_log.read(start, ITEM)


def test_what_mariadb_analyzes_it_executes(mariadb_log: Log) -> None:
    make_other(
        mariadb_log,
        "INSERT INTO item VALUES (1, 1)",
        "CREATE VIEW sales_other.v AS SELECT * FROM item",
        "USE sales_other",
    )
    start = mariadb_log.position()
    mariadb_log.run("ANALYZE FORMAT=JSON UPDATE v SET note = 2", "ANALYZE TABLE t2")
    assert mariadb_log.keys(start, ITEM) == {(1,)}
    for statement in ("ANALYZE FORMAT=JSON UPDATE v SET note = 3", "ANALYZE DELETE FROM v"):
        start = mariadb_log.position()
        mariadb_log.run("SET SESSION binlog_format = STATEMENT", statement)
        with pytest.raises(SyncError, match=r"holds a statement in place of its rows: .ANALYZE"):
            mariadb_log.read(start, ITEM)


@pytest.mark.parametrize(
    ("statement", "kinds"),
    [
        ("TRUNCATE TABLE shop.item", ["truncated"]),
        ("RENAME TABLE shop.item TO shop.away", ["moved away"]),
        ("ALTER TABLE shop.item ADD COLUMN extra INT", ["altered"]),
        ("DROP TABLE shop.item", ["dropped"]),
    ],
)
def test_a_statement_with_variables_of_its_own_is_told_by_what_follows(
    mariadb_log: Log, statement: str, kinds: list[str]
) -> None:
    make_other(mariadb_log, "USE sales_other")
    start = mariadb_log.position()
    variables = (
        "max_statement_time=IF(LOCATE('b', SUBSTRING('abc' FROM 1 FOR 2)), 10, 20), lock_wait_timeout=9"
    )
    mariadb_log.run(f"SET STATEMENT {variables} FOR {statement}")
    assert [str(each.kind) for each in mariadb_log.read(start, ITEM).statements] == kinds


def test_a_healthy_server_s_statements_are_harmless(server_log: Log) -> None:
    """All that is logged as statements where every session logs rows."""
    make_other(
        server_log, "INSERT INTO sales_other.t2 VALUES (1)", "SET GLOBAL log_bin_trust_function_creators = 1"
    )
    mariadb = is_mariadb(server_log)
    start = server_log.position()
    server_log.run(
        "USE sales_other",
        "CREATE TABLE filled AS SELECT * FROM t2",
        "CREATE TABLE IF NOT EXISTS filled AS SELECT * FROM t2",
        "CREATE TEMPORARY TABLE mine (id INT PRIMARY KEY)",
        "CREATE TEMPORARY TABLE mine_too AS SELECT * FROM t2",
        "INSERT INTO mine SELECT * FROM t2",
        "UPDATE mine SET id = 9",
        "TRUNCATE TABLE mine",
        "DROP TEMPORARY TABLE mine",
        "CREATE TABLE plain (id INT PRIMARY KEY) ENGINE = MyISAM",
        "BEGIN", "INSERT INTO plain VALUES (1)", "INSERT INTO t2 VALUES (2)", "ROLLBACK",
        "CREATE TABLE memory (id INT) ENGINE = MEMORY", "INSERT INTO memory VALUES (1)", "DELETE FROM memory",
        
        "CREATE FUNCTION f1() RETURNS INT BEGIN INSERT INTO t2 VALUES (7); RETURN 1; END",
        "CREATE PROCEDURE p() BEGIN DELETE FROM t2; TRUNCATE TABLE plain; END",
        "CREATE TRIGGER g BEFORE INSERT ON filled FOR EACH ROW INSERT INTO t2 VALUES (NEW.id)",
        "CREATE VIEW v AS SELECT f1() AS a FROM t2",
        "CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO DELETE FROM t2",
        "INSERT INTO filled VALUES (1)", "SELECT f1()", "DO f1()", "SET @a = f1()", "CALL p()",
        "PREPARE s FROM 'INSERT INTO t2 VALUES (5)'", "EXECUTE s", "DEALLOCATE PREPARE s",
        "PREPARE s FROM 'TRUNCATE TABLE plain'", "EXECUTE s", "DEALLOCATE PREPARE s",
        "CREATE USER IF NOT EXISTS sales_u IDENTIFIED BY 'Aa1-aaaaaaaa'",
        "GRANT SELECT ON sales_other.* TO sales_u",
        "SET PASSWORD FOR sales_u = " + ("PASSWORD('Aa1-aaaaaaab')" if mariadb else "'Aa1-aaaaaaab'"),
        "REVOKE SELECT ON sales_other.* FROM sales_u", "RENAME USER sales_u TO sales_w", "DROP USER sales_w",
        "FLUSH TABLES", "ANALYZE TABLE t2", "OPTIMIZE TABLE t2", "REPAIR TABLE plain", "CHECK TABLE t2",
        "TRUNCATE TABLE t2", "DROP INDEX `PRIMARY` ON plain",
        "UPDATE performance_schema.setup_consumers SET enabled = enabled",
        "DROP TABLE plain, memory", "DROP VIEW v", "DROP EVENT e",
    )  # fmt: skip
    if mariadb:
        server_log.run(
            "CREATE SEQUENCE s", "SELECT NEXTVAL(s)", "DO SETVAL(s, 100)", "DROP SEQUENCE s",
            "EXECUTE IMMEDIATE 'TRUNCATE TABLE filled'", "EXECUTE IMMEDIATE 'INSERT INTO t2 VALUES (1)'",
            "CREATE TABLE kept (id INT) WITH SYSTEM VERSIONING", "INSERT INTO kept VALUES (1)",
            "DELETE FROM kept", "DELETE HISTORY FROM kept", "CREATE OR REPLACE TABLE kept AS SELECT 1 AS a",
            "BEGIN NOT ATOMIC TRUNCATE TABLE filled; INSERT INTO t2 VALUES (3); END",
            "SET STATEMENT lock_wait_timeout=9 FOR INSERT INTO t2 VALUES (8)",
            "INSERT INTO t2 VALUES (1) RETURNING id",
        )  # fmt: skip
    else:
        server_log.run(
            "CREATE TABLE hole (id INT) ENGINE = BLACKHOLE", "INSERT INTO hole VALUES (1)",
            "DELETE FROM hole",
            "ANALYZE TABLE t2 UPDATE HISTOGRAM ON id WITH 4 BUCKETS", "EXPLAIN ANALYZE SELECT f1()",
        )  # fmt: skip
    server_log.run("DROP DATABASE sales_other", "USE shop", "INSERT INTO item VALUES (3, 3)")
    assert server_log.keys(start, ITEM) == {(3,)}
