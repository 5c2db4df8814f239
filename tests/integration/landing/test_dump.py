"""SQL dumps restored into a MySQL database of their own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from landing.dump import restore_dump
from landing.result import LandingError, LandingResult
from sync.connections.mysql import connect_mysql
from sync.errors import SyncError
from tests.integration.landing.killing import Fuse, killed_again_and_again
from tests.integration.landing.reading import rows

HEAD = """-- SQL Dump
SET SQL_MODE = "NO_AUTO_VALUE_ON_ZERO";
START TRANSACTION;
SET time_zone = "+00:00";
/*!40101 SET NAMES utf8mb4 */;

CREATE TABLE `sales_data` (
  `rowid` int NOT NULL,
  `product_id` int NOT NULL,
  `customer_id` int NOT NULL,
  `quantity` int NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_0900_ai_ci;

"""
TAIL = """
ALTER TABLE `sales_data`
  ADD PRIMARY KEY (`rowid`);
ALTER TABLE `sales_data`
  MODIFY `rowid` int NOT NULL AUTO_INCREMENT, AUTO_INCREMENT=100;
COMMIT;
"""

Restore = Callable[[str], LandingResult]


def dump(**quantities: int) -> str:
    """A dump as phpMyAdmin writes it, of rows `r1`, `r2`, … with these quantities."""
    values = ",\n".join(f"({name[1:]}, 10, 20,  {quantity})" for name, quantity in quantities.items())
    columns = "(`rowid`, `product_id`, `customer_id`, `quantity`)"
    return f"{HEAD}INSERT INTO `sales_data` {columns} VALUES\n{values};\n{TAIL}"


@pytest.fixture
def restore(shop: Any, urls: dict[str, str], tmp_path: Path) -> Restore:
    def restore_content(content: str) -> LandingResult:
        (tmp_path / "sales.sql").write_bytes(content.encode())
        return restore_dump(tmp_path, lambda: connect_mysql(urls["SOFTCART_MYSQL_RESTORE_URL"]))

    return restore_content


@pytest.fixture
def sales(shop: Any, urls: dict[str, str]) -> Any:
    with connect_mysql(urls["SOFTCART_MYSQL_RESTORE_URL"], autocommit=True) as connection:
        yield connection


def quantities(sales: Any) -> dict[int, int]:
    return dict(rows(sales, "SELECT rowid, quantity FROM sales_data"))


def test_without_a_dump_nothing_is_made(shop: Any, urls: dict[str, str], sales: Any, tmp_path: Path) -> None:
    assert not restore_dump(tmp_path, lambda: connect_mysql(urls["SOFTCART_MYSQL_RESTORE_URL"])).present
    assert rows(sales, "SHOW TABLES LIKE 'sales%'") == []


def test_a_dump_is_restored_once_with_its_keys_and_the_nearest_collation(
    restore: Restore, sales: Any
) -> None:
    first, again = restore(dump(r0=1, r5=2)), restore(dump(r0=1, r5=2))
    assert (first.rows_in_file, first.inserted, again.inserted, again.unchanged) == (2, 2, 0, 2)
    assert quantities(sales) == {0: 1, 5: 2}
    [(_, definition)] = rows(sales, "SHOW CREATE TABLE sales_data")
    assert "PRIMARY KEY (`rowid`)" in definition
    assert "AUTO_INCREMENT=100" in definition
    assert rows(sales, "SHOW DATABASES LIKE 'sales\\_%'") == []


def test_a_changed_dump_is_merged_and_the_shop_wins(restore: Restore, sales: Any) -> None:
    restore(dump(r1=1, r2=1, r3=1, r4=1, r5=1))
    sales.cursor().execute("UPDATE sales_data SET quantity = 50 WHERE rowid IN (2, 3)")
    sales.cursor().execute("DELETE FROM sales_data WHERE rowid = 4")
    result = restore(dump(r1=2, r2=1, r3=2, r4=1, r6=2))
    assert quantities(sales) == {1: 2, 2: 50, 3: 50, 5: 1, 6: 2}
    assert (result.inserted, result.updated, result.unchanged) == (1, 1, 2)
    assert (result.conflicts, result.conflict_keys) == (1, ("sales_data:3",))


def test_a_dump_of_mysqldump_is_restored(restore: Restore, sales: Any) -> None:
    result = restore(
        """/*M!999999\\- enable the sandbox mode */
-- MySQL dump 10.13  Distrib 8.4.0
/*!40101 SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO' */;
/*!40014 SET @OLD_FOREIGN_KEY_CHECKS=@@FOREIGN_KEY_CHECKS, FOREIGN_KEY_CHECKS=0 */;
SET @@SESSION.SQL_LOG_BIN= 0;
SET @@GLOBAL.GTID_PURGED=/*!80000 '+'*/ '3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5';
CREATE DATABASE /*!32312 IF NOT EXISTS*/ `shop` /*!40100 DEFAULT CHARACTER SET utf8mb4 */;
USE `shop`;
DROP TABLE IF EXISTS `lines`;
/*!50503 SET character_set_client = utf8mb4 */;
CREATE TABLE `lines` (
  `order` int NOT NULL, `line` int NOT NULL, `note` varchar(30) COLLATE utf8mb4_0900_as_cs DEFAULT NULL,
  `twice` int GENERATED ALWAYS AS (`line` * 2) VIRTUAL,
  PRIMARY KEY (`order`,`line`), CONSTRAINT `to_order` FOREIGN KEY (`order`) REFERENCES `orders` (`id`)
) ENGINE=InnoDB;
LOCK TABLES `lines` WRITE;
/*!40000 ALTER TABLE `lines` DISABLE KEYS */;
INSERT INTO `lines` (`order`, `line`, `note`) VALUES (1,1,'it\\'s; ''x'''),(1,2,NULL);
/*!40000 ALTER TABLE `lines` ENABLE KEYS */;
UNLOCK TABLES;
DROP TABLE IF EXISTS `orders`;
CREATE TABLE `orders` (`id` int NOT NULL, PRIMARY KEY (`id`)) ENGINE=MyISAM;
INSERT INTO `orders` VALUES (1);
ALTER TABLE `orders` ENGINE=InnoDB;
/*!40101 SET SQL_MODE=@OLD_SQL_MODE */;
-- Dump completed
"""
    )
    assert (result.inserted, result.rows_in_file) == (3, 3)
    assert rows(sales, "SELECT note, twice FROM `lines` ORDER BY line") == [("it's; 'x'", 2), (None, 4)]
    assert "FOREIGN KEY (`order`) REFERENCES `orders`" in rows(sales, "SHOW CREATE TABLE `lines`")[0][1]


@pytest.mark.parametrize(
    ("statement", "complaint"),
    [
        ("INSERT INTO `sales_data` VALUES (1, 10, 20)", r"line 16: .*INSERT INTO.*Column count"),
        ("INSERT INTO `sales_data` VALUES (1, 10, 20, 99999999999)", "line 16: .*Out of range"),
        ("INSERT IGNORE INTO `sales_data` VALUES ('abc', 10, 20, 1)", r"line 16: .*rowid"),
        ("INSERT IGNORE INTO `sales_data` VALUES (1, 10, 20, 99999999999)", "line 16: .*Out of range"),
        ("CREATE TABLE v (a int) WITH SYSTEM VERSIONING", "line 16: .*does not take 'WITH SYSTEM VERSIONING"),
        ("SET sql_mode = 'ANSI_QUOTES'", "line 16: .*SQL mode ANSI_QUOTES"),
        ("SET @a = 'NO_BACKSLASH_ESCAPES'; SET sql_mode = @a", "line 16: .*SQL mode NO_BACKSLASH"),
        ("/*!40101 SET NAMES gbk */", "line 16: .*written in gbk"),
        ("INSERT INTO `shop`.`customers` VALUES (1)", "line 16: .*names the database of a table"),
        ("CREATE TRIGGER t BEFORE INSERT ON sales_data FOR EACH ROW SET @a = 1", "line 16: .*only tables"),
        ("GRANT ALL ON *.* TO somebody", "line 16: .*GRANT.*only tables"),
    ],
)
def test_a_dump_that_cannot_be_restored_names_the_statement_and_changes_nothing(
    restore: Restore, sales: Any, statement: str, complaint: str
) -> None:
    restore(dump(r1=1))
    with pytest.raises(SyncError, match=rf"^sales\.sql: {complaint}"):
        restore(f"{HEAD}\n\n{statement};\n{TAIL}")
    assert quantities(sales) == {1: 1}
    assert restore(dump(r1=2)).updated == 1


@pytest.mark.parametrize("content", ["", "-- nothing\n", "SELECT"])
def test_a_file_that_is_no_dump_is_refused_by_name(restore: Restore, content: str) -> None:
    with pytest.raises(LandingError, match=r"^sales\.sql: "):
        restore(content)


def test_the_restoring_user_cannot_reach_the_shop(shop: Any, urls: dict[str, str]) -> None:
    shop.cursor().execute("CREATE TABLE secrets (id int)")
    with (
        connect_mysql(urls["SOFTCART_MYSQL_RESTORE_URL"]) as connection,
        pytest.raises(Exception, match="denied"),
    ):
        rows(connection, "SELECT * FROM shop.secrets")


def test_a_table_whose_columns_no_longer_fit_is_refused(restore: Restore, sales: Any) -> None:
    restore(dump(r1=1))
    more = dump(r1=1).replace("`quantity` int NOT NULL\n", "`quantity` int NOT NULL, `tax` int DEFAULT 0\n")
    with pytest.raises(
        LandingError, match=r"table sales_data has column 'tax', which sales\.sales_data lacks"
    ):
        restore(more)
    sales.cursor().execute("ALTER TABLE sales_data ADD COLUMN tax int DEFAULT 0")
    with pytest.raises(LandingError, match=r"drop sales\._landed_rows_sales_data"):
        restore(more)
    sales.cursor().execute("DROP TABLE _landed_rows_sales_data")
    assert restore(more).unchanged == 1


def test_the_way_out_after_another_dump_leaves_nothing_of_it(restore: Restore, sales: Any) -> None:
    other = dump(r1=7, r2=7).replace("`quantity`", "`amount`")
    restore(other)
    with pytest.raises(LandingError, match=r"came from another dump, DROP TABLE sales\.sales_data"):
        restore(dump(r1=1))
    sales.cursor().execute("DROP TABLE sales.sales_data")
    assert restore(dump(r1=1)).inserted == 1
    assert quantities(sales) == {1: 1}


def test_a_table_that_was_dropped_is_restored_anew(restore: Restore, sales: Any) -> None:
    restore(dump(r1=1))
    sales.cursor().execute("DROP TABLE sales_data")
    assert restore(dump(r1=1)).inserted == 1
    assert quantities(sales) == {1: 1}


def test_a_table_without_a_key_is_restored_once_and_never_merged(restore: Restore, sales: Any) -> None:
    create = "CREATE TABLE t (a int);\n"
    assert restore(f"{create}INSERT INTO t VALUES (1),(1);").inserted == 2
    with pytest.raises(LandingError, match="table t has no primary key"):
        restore(f"{create}INSERT INTO t VALUES (2);")
    assert rows(sales, "SELECT a FROM t") == [(1,), (1,)]


def restore_sales(fuse: Fuse, folder: Path, url: str) -> None:
    fuse.burn_in_mysql()
    restore_dump(folder, lambda: connect_mysql(url))


def test_a_restore_killed_at_any_step_is_made_good_by_the_next(
    restore: Restore, sales: Any, urls: dict[str, str], tmp_path: Path
) -> None:
    restore(dump(r1=1, r2=1))
    (tmp_path / "sales.sql").write_text(dump(r1=2, r2=1, r3=1))

    url = urls["SOFTCART_MYSQL_RESTORE_URL"]
    assert killed_again_and_again(restore_sales, tmp_path, url, stride=5) > 7
    assert quantities(sales) == {1: 2, 2: 1, 3: 1}
    assert rows(sales, "SHOW DATABASES LIKE 'sales\\_%'") == []
