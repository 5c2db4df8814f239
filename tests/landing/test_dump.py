"""A dump's statements, and the collations in them."""

from pathlib import Path

import pytest

from landing import dump_text
from landing.collations import nearest, replace_unknown
from landing.dump_statements import statements_to_run
from landing.result import LandingError

MARIADB = frozenset(
    {
        "latin1_swedish_ci",
        "utf8mb4_bin",
        "utf8mb4_general_ci",
        "utf8mb4_nopad_bin",
        "utf8mb4_uca1400_ai_ci",
        "utf8mb4_uca1400_nopad_ai_ci",
        "utf8mb4_uca1400_nopad_as_cs",
        "utf8mb4_unicode_ci",
    }
)
OLD_MARIADB = frozenset(["utf8mb4_bin", "utf8mb4_general_ci", "utf8mb4_unicode_ci", "utf8mb4_unicode_520_ci"])
MYSQL = frozenset(["utf8mb4_bin", "utf8mb4_general_ci", "utf8mb4_0900_ai_ci", "utf8mb4_0900_as_cs"])


def statements(folder: Path, dump: str) -> list[tuple[int, str]]:
    path = folder / "sales.sql"
    path.write_text(dump)
    return [(statement.line, statement.sql.decode()) for statement in statements_to_run(path)]


def test_statements_end_at_semicolons_outside_of_quotes_and_comments(tmp_path: Path) -> None:
    dump = (
        "-- a; b\nCREATE TABLE `a;b` (c int /* ; */);\n\n"
        "INSERT INTO `a;b` VALUES ('x;\\';y'';'),(\"z;\"); # ; \n/*!40101 SET @A=';' */;COMMIT"
    )
    assert statements(tmp_path, dump) == [
        (2, "CREATE TABLE `a;b` (c int )"),
        (4, "INSERT INTO `a;b` VALUES ('x;\\';y'';'),(\"z;\")"),
        (5, "/*!40101 SET @A=';' */"),
        (5, "COMMIT"),
    ]


def test_what_speaks_of_the_old_server_is_passed_over(tmp_path: Path) -> None:
    dump = """
        /*M!999999\\- enable the sandbox mode */
        SET @@SESSION.SQL_LOG_BIN= 0;
        SET @@GLOBAL.GTID_PURGED=/*!80000 '+'*/ 'ab:1-5';
        SET GLOBAL max_connections = 1;
        CREATE DATABASE /*!32312 IF NOT EXISTS*/ `shop`;
        USE `shop`;
        LOCK TABLES `t` WRITE;
        /*!40000 ALTER TABLE `t` DISABLE KEYS */;
        UNLOCK TABLES;
        """
    assert [sql for _, sql in statements(tmp_path, dump)] == ["/*!40000 ALTER TABLE `t` DISABLE KEYS */"]


@pytest.mark.parametrize(
    "statement",
    [
        "GRANT ALL ON *.* TO x",
        "SET PASSWORD = 'x'",
        "CREATE TRIGGER t BEFORE INSERT ON a FOR EACH ROW SET @a = 1",
        "/*!50003 CREATE*/ /*!50017 DEFINER=`a`@`%`*/ /*!50003 TRIGGER t BEFORE INSERT ON a FOR EACH ROW x*/",
        "DELIMITER //",
        "CREATE VIEW v AS SELECT 1",
        "DELETE FROM t",
        "LOAD DATA INFILE '/etc/passwd' INTO TABLE t",
        "mysqldump: [Warning] Using a password on the command line interface can be insecure.",
        "DROP TABLE IF EXISTS sales.2020_sales",
        "DROP TABLE sales.$a",
        "INSERT INTO sales.ü VALUES (1)",
        "DROP TABLE sales /* . */ . /* */ a",
        "CREATE TABLE t (a int) DATA DIRECTORY='/tmp'",
        "CREATE TABLE t (a int) /*!50100 INDEX DIRECTORY='/tmp' */",
        "CREATE TABLE t (a int /* x */) UNION=(shop.customers)",
        "CREATE TABLE t (a int) ENGINE=FEDERATED CONNECTION='mysql://u@h/d/t'",
        "CREATE TABLE t (a int) ENGINE=BLACKHOLE",
        "CREATE TABLE t (a int) WITH SYSTEM VERSIONING",
        "CREATE TABLE t (a int, PERIOD FOR SYSTEM_TIME (b, c))",
        "CREATE TABLE t (a int) AS SELECT 1 AS a",
        "CREATE TABLE t LIKE other",
        "CREATE TABLE t (a int DEFAULT (SELECT 1))",
        "CREATE TABLE t (a int DEFAULT nextval(`shop`.`s`))",
        "CREATE OR REPLACE TABLE t (a int)",
        "ALTER TABLE t RENAME TO u",
        "ALTER TABLE t ADD SYSTEM VERSIONING",
        "ALTER TABLE t ADD PARTITION (PARTITION p DATA DIRECTORY='/tmp')",
        "ALTER TABLE t IMPORT TABLESPACE",
        "INSERT INTO t SELECT * FROM u",
        "INSERT INTO t VALUES (1) ON DUPLICATE KEY UPDATE a = 2",
        "INSERT INTO t VALUES (LOAD_FILE('/etc/passwd'))",
        "INSERT INTO t VALUES ((SELECT 1))",
        "INSERT INTO t SET a = 1",
        "SET @a = (SELECT 1)",
        "SET default_storage_engine = BLACKHOLE",
        "/*!50000 CREATE TABLE t (a int COMMENT '*/') DATA DIRECTORY='/tmp' -- */",
        "RENAME TABLE t TO u",
        "DROP TABLE a, `shop`.`customers`",
        "INSERT INTO `shop`.`customers` VALUES (1)",
        'DROP TABLE "sales"."sales_data"',
        "/*!50000 INSERT INTO shop . customers VALUES (1) */",
        "CREATE TABLE t (a int REFERENCES shop.customers (customer_id))",
    ],
)
def test_everything_else_is_refused_by_line_and_name(tmp_path: Path, statement: str) -> None:
    with pytest.raises(LandingError) as refusal:
        statements(tmp_path, f"CREATE TABLE a (b int);\n{statement};\n")
    assert str(refusal.value).startswith("sales.sql: line 2: ")
    assert statement[:30] in str(refusal.value)


def test_what_bends_values_or_form_is_left_out(tmp_path: Path) -> None:
    dump = """
        INSERT DELAYED IGNORE INTO `t` (a) VALUES (1);
        INSERT LOW_PRIORITY INTO `t` VALUES (_binary 'x\\'',-1.5e3,0xFF,NULL),(NOW(),.5,b'1',x'00');
        CREATE TABLE `t` (`a` enum('x','y') CHARACTER SET latin1 NOT NULL DEFAULT 'x' COMMENT 'a.b',
          `b` json DEFAULT json_array() CHECK (json_valid(`b`)),
          `c` int GENERATED ALWAYS AS (`d` * 0.5) STORED,
          `t` timestamp(6) NOT NULL DEFAULT current_timestamp(6) ON UPDATE current_timestamp(6),
          UNIQUE KEY `u` (`a`(10) DESC) USING BTREE /*!80000 INVISIBLE */,
          CONSTRAINT `f` FOREIGN KEY (`c`) REFERENCES `o` (`id`) ON DELETE SET NULL
        ) ENGINE=MyISAM AUTO_INCREMENT=5 DEFAULT CHARSET=utf8mb4 COMMENT='DATA DIRECTORY'
        /*!50100 PARTITION BY RANGE (`c`) (PARTITION p0 VALUES LESS THAN (10) ENGINE = InnoDB) */;
        """
    ignoring, rows, table = (sql for _, sql in statements(tmp_path, dump))
    assert ignoring == "INSERT INTO `t` (a) VALUES (1)"
    assert rows.startswith("INSERT INTO `t` VALUES (_binary 'x\\'',-1.5e3,")
    assert table.endswith("ENGINE=InnoDB AUTO_INCREMENT=5 DEFAULT CHARSET=utf8mb4 COMMENT='DATA DIRECTORY'")


def test_names_of_any_letters_and_digits_are_read(tmp_path: Path) -> None:
    dump = "CREATE TABLE 2020_sales ($a int, ü int, 1e text, PRIMARY KEY (`$a`)); DROP TABLE 1a, `b;c`;"
    assert len(statements(tmp_path, dump)) == 2


def test_statements_longer_than_what_is_read_at_once_are_cut_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = ",".join(f"({number},'it\\'s; ''{number}', '--')" for number in range(40))
    dump = f"CREATE TABLE t (a int);-- x;\n/*!40101 SET @A=';' */;\nINSERT INTO t VALUES {rows};\nCOMMIT"
    whole = statements(tmp_path, dump)
    for size in range(17, 80, 3):
        monkeypatch.setattr(dump_text, "BYTES_AT_ONCE", size)
        assert statements(tmp_path, dump) == whole
    assert [line for line, _ in whole] == [1, 2, 3, 4]


def test_names_inside_of_values_are_not_taken_for_tables(tmp_path: Path) -> None:
    dump = "INSERT INTO t (a, b) VALUES ('www.shop.org', 1.5), ('a.b', .5);"
    assert len(statements(tmp_path, dump)) == 1


def test_a_dump_of_two_databases_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LandingError, match="line 2: 'USE `b`': it holds more than one database"):
        statements(tmp_path, "USE `a`;\nUSE `b`;\n")


@pytest.mark.parametrize("rest", ["INSERT INTO t VALUES ('a", "/* a", 'SET @a = "a'])
def test_a_dump_that_ends_inside_of_quotes_is_refused(tmp_path: Path, rest: str) -> None:
    with pytest.raises(LandingError, match="line 2: a quote or comment is opened and not closed"):
        statements(tmp_path, f"COMMIT;\n{rest}")


@pytest.mark.parametrize(
    ("name", "known", "replacement"),
    [
        ("utf8mb4_0900_ai_ci", MARIADB, "utf8mb4_uca1400_nopad_ai_ci"),
        ("utf8mb4_0900_as_cs", MARIADB, "utf8mb4_uca1400_nopad_as_cs"),
        ("utf8mb4_0900_bin", MARIADB, "utf8mb4_nopad_bin"),
        ("utf8mb4_de_pb_0900_ai_ci", MARIADB, "utf8mb4_uca1400_nopad_ai_ci"),
        ("utf8mb4_0900_ai_ci", OLD_MARIADB, "utf8mb4_unicode_520_ci"),
        ("utf8mb4_uca1400_nopad_ai_ci", MYSQL, "utf8mb4_0900_ai_ci"),
        ("utf8mb4_uca1400_as_cs", MYSQL, "utf8mb4_0900_as_cs"),
        ("gb18030_chinese_ci", MARIADB, "gb18030_chinese_ci"),
    ],
)
def test_an_unknown_collation_gets_the_nearest_that_the_server_knows(
    name: str, known: frozenset[str], replacement: str
) -> None:
    assert nearest(name, known) == replacement


def test_collations_are_replaced_outside_of_strings_and_names_only() -> None:
    sql = (
        b"CREATE TABLE `utf8mb4_0900_ai_ci` (a_ci text COMMENT 'utf8mb4_0900_ai_ci')"
        b" COLLATE=utf8mb4_0900_ai_ci"
    )
    assert replace_unknown(sql, MARIADB) == (
        b"CREATE TABLE `utf8mb4_0900_ai_ci` (a_ci text COMMENT 'utf8mb4_0900_ai_ci')"
        b" COLLATE=utf8mb4_uca1400_nopad_ai_ci"
    )
