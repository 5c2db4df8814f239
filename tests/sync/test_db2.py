"""Db2 without a server: its connection string, what its codes mean, and the SQL that no stand-in executes.

That SQL is held against IBM's documented grammar by eye, page by page, and kept here word by word.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from sync.connections.urls import parse
from sync.errors import SyncError
from sync.systems import open_warehouse, warehouse_system
from sync.types import parse_type
from sync.warehouses.changes import Comment, NotNull, PrimaryKey
from sync.warehouses.db2.connection import connection_string
from sync.warehouses.db2.derby import db2_dialect
from sync.warehouses.db2.dialect import Db2Dialect
from sync.warehouses.db2.types import TEXT_BYTES, TYPES
from sync.warehouses.dbapi.dialect import Trouble
from sync.warehouses.dbapi.types import Unfit
from sync.warehouses.schema import ColumnSchema, ForeignKey, Index, TableName, TableSchema

CLOUD = "db2+ibm_db://me:s%40fe@db.example:31198/BLUDB?Security=SSL&SSLServerCertificate=/etc/ca.pem"
COUNTRY, FACT = TableName("star", "dim_country"), TableName("star", "fact_sales")
SCHEMA = TableSchema(FACT, (), ("sale_key",))


@pytest.fixture
def db2() -> Db2Dialect:
    return db2_dialect(CLOUD)


def test_a_url_of_db2_on_cloud_becomes_the_drivers_connection_string() -> None:
    assert warehouse_system(CLOUD) == open_warehouse(CLOUD).system == "db2"
    assert connection_string(parse(CLOUD)) == (
        "DATABASE=BLUDB;HOSTNAME=db.example;PORT=31198;PROTOCOL=TCPIP;UID=me;PWD=s@fe;ConnectTimeout=10;"
        "Security=SSL;SSLServerCertificate=/etc/ca.pem;"
    )


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("db2://me:s%3Bfe@h/BLUDB", "PWD has one of"),
        ("db2://me:safe@h/BLUDB?Securty=SSL", "unknown option 'Securty'"),
        ("db2://me:safe@h", "names no database"),
    ],
)
def test_what_the_driver_cannot_be_told_is_refused_without_the_password(url: str, message: str) -> None:
    with pytest.raises(SyncError, match=message) as refusal:
        connection_string(parse(url))
    assert "safe" not in str(refusal.value) and "s;fe" not in str(refusal.value)


@pytest.mark.parametrize(
    ("said", "trouble"),
    [
        ("SQL30081N  A communication error. SQLSTATE=08001 SQLCODE=-30081", Trouble.TRANSIENT),
        ("SQL0911N  Deadlock or timeout. SQLSTATE=40001 SQLCODE=-911", Trouble.TRANSIENT),
        ("SQL0964C  The transaction log is full. SQLSTATE=57011 SQLCODE=-964", Trouble.TRANSIENT),
        ("CLI0108E  Communication link failure. SQLSTATE=40003 SQLCODE=-99999", Trouble.TRANSIENT),
        ("SQL0433N  Value is too long. SQLSTATE=22001 SQLCODE=-433", Trouble.VALUE),
        ("SQL0803N  One or more values would be duplicates. SQLSTATE=23505 SQLCODE=-803", Trouble.VALUE),
        ("SQL30082N  Security processing failed. SQLSTATE=08001 SQLCODE=-30082", Trouble.PERMANENT),
        ("SQL30061N  The database was not found. SQLSTATE=08004 SQLCODE=-30061", Trouble.PERMANENT),
        ("SQL0204N  is an undefined name. SQLSTATE=42704 SQLCODE=-204", Trouble.PERMANENT),
        ("something without a code", Trouble.PERMANENT),
    ],
)
def test_an_error_means_what_its_code_says(db2: Db2Dialect, said: str, trouble: Trouble) -> None:
    assert db2.trouble(db2.driver_error(said)) is trouble


def test_an_error_is_told_with_the_way_out(db2: Db2Dialect) -> None:
    said = "[IBM][CLI Driver] SQL30082N Invalid. SQLSTATE=08001 SQLCODE=-30082"
    assert db2.said(db2.driver_error(said)) == (
        "SQL30082N Invalid. SQLSTATE=08001 SQLCODE=-30082; check the user and the password in the URL"
    )
    said = "[IBM][CLI Driver][DB2/LINUXX8664] SQL0433N Too long. SQLSTATE=22001"
    assert db2.said(db2.driver_error(said)) == "SQL0433N Too long. SQLSTATE=22001"


def test_a_reason_that_the_driver_keeps_beneath_its_error_counts(db2: Db2Dialect) -> None:
    error = db2.driver_error("SystemError: commit returned a result with an exception set")
    error.__context__ = SystemError("commit")
    error.__context__.__cause__ = Exception("CLI0108E  Link failure. SQLSTATE=40003 SQLCODE=-99999")
    assert db2.trouble(error) is Trouble.TRANSIENT


def test_a_materialized_query_table_is_made_empty_and_refreshed_while_it_is_read(db2: Db2Dialect) -> None:
    name = db2.table(TableName("reports", "totals"))
    assert db2.create_materialized(name, "SELECT 1 AS one FROM star.t") == (
        'CREATE TABLE "REPORTS"."TOTALS" AS (SELECT 1 AS one FROM star.t)'
        " DATA INITIALLY DEFERRED REFRESH DEFERRED"
    )
    assert db2.is_materialized_empty
    assert db2.refresh_materialized(name, "") == ['REFRESH TABLE "REPORTS"."TOTALS" ALLOW READ ACCESS']
    assert db2.drop_materialized(name) == 'DROP TABLE "REPORTS"."TOTALS"'


def statements(db2: Db2Dialect, *steps: PrimaryKey | NotNull | Index | ForeignKey | Comment) -> Sequence[str]:
    return [statement for step in steps for statement in db2.complete(SCHEMA, step)]


def test_keys_are_declared_and_statistics_collected(db2: Db2Dialect) -> None:
    key = ForeignKey("fact_country", ("country_key",), COUNTRY, ("country_key",))
    assert statements(db2, PrimaryKey(("sale_key",)), key, Index("btree (sold_at)", ("sold_at",))) == [
        'ALTER TABLE "STAR"."FACT_SALES" ADD PRIMARY KEY ("SALE_KEY")',
        'CALL SYSPROC.ADMIN_CMD(\'RUNSTATS ON TABLE "STAR"."FACT_SALES" WITH DISTRIBUTION AND INDEXES ALL\')',
        'ALTER TABLE "STAR"."FACT_SALES" ADD CONSTRAINT "FACT_COUNTRY" FOREIGN KEY ("COUNTRY_KEY")'
        ' REFERENCES "STAR"."DIM_COUNTRY" ("COUNTRY_KEY") NOT ENFORCED ENABLE QUERY OPTIMIZATION',
        'CREATE INDEX "STAR"."FACT_SALES_SOLD_AT_IDX" ON "STAR"."FACT_SALES" ("SOLD_AT")',
    ]


def test_a_column_that_loses_or_gets_not_null_is_followed_by_a_reorganization(db2: Db2Dialect) -> None:
    table = db2.table(FACT)
    reorganized = 'CALL SYSPROC.ADMIN_CMD(\'REORG TABLE "STAR"."FACT_SALES"\')'
    assert statements(db2, NotNull("origin")) == [
        'ALTER TABLE "STAR"."FACT_SALES" ALTER COLUMN "ORIGIN" SET NOT NULL',
        reorganized,
    ]
    assert db2.drop_not_null(table, "origin")[-1] == reorganized


def test_tables_are_organized_as_the_url_says() -> None:
    made = db2_dialect(f"{CLOUD}&organize=column").create_table("T", [("a", "BIGINT")], not_null=["a"])
    assert made == 'CREATE TABLE T ("A" BIGINT NOT NULL) ORGANIZE BY COLUMN'
    with pytest.raises(SyncError, match="organize is row or column, not 'diagonal'"):
        db2_dialect(f"{CLOUD}&organize=diagonal")


def test_the_name_of_an_index_has_at_most_128_bytes(db2: Db2Dialect) -> None:
    index = Index("", tuple("ä" * 50 + str(number) for number in range(3)))
    (made,) = db2.create_index(FACT, index)
    name = made.split('"')[3]
    assert 120 < len(name.encode()) <= 128


def test_lengths_are_said_to_be_in_bytes(db2: Db2Dialect) -> None:
    def native(type_: str) -> str:
        return db2.types.native_type(FACT, ColumnSchema("c", type_, True, False, None))

    assert native("character varying(20)") == "VARCHAR(80 OCTETS)"
    assert native("bytea") == "VARCHAR(4000) FOR BIT DATA"


def test_a_join_in_derby_is_hashed() -> None:
    derby = db2_dialect(f"{CLOUD}&server=derby")
    query = "SELECT 1 FROM star.t AS t\nINNER JOIN star.u AS u USING (k)\nWHERE year = 1"
    assert derby.spoken(query) == (
        "SELECT 1 FROM star.t AS t\nINNER JOIN star.u AS u --DERBY-PROPERTIES joinStrategy=HASH\n USING (k)"
        '\nWHERE "YEAR" = 1'
    )


def test_readers_get_views_by_role_and_comments_are_kept(db2: Db2Dialect) -> None:
    assert db2.grant(TableName("bi", "sales"), "bi") == ['GRANT SELECT ON "BI"."SALES" TO ROLE "BI"']
    assert statements(db2, Comment(None, "it's")) == ["COMMENT ON TABLE \"STAR\".\"FACT_SALES\" IS 'it''s'"]


@pytest.mark.parametrize("type_", ["numeric(32,2)", "character varying(9000)", "inet"])
def test_a_type_that_db2_cannot_hold_is_refused_by_name(type_: str) -> None:
    with pytest.raises(SyncError, match=r"star\.fact_sales.*odd"):
        TYPES.native_type(FACT, ColumnSchema("odd", type_, True, False, None))


@pytest.mark.parametrize(
    ("type_", "text"),
    [
        ("numeric", "1." + "1" * 13),
        ("numeric", "1" * 20),
        ("text", "é" * (TEXT_BYTES // 2 + 1)),
        ("double precision", "NaN"),
        ("double precision", "-0"),
    ],
)
def test_a_value_that_db2_would_change_is_not_fit(type_: str, text: str) -> None:
    with pytest.raises(Unfit):
        TYPES.bind_of(parse_type(type_))(text)


def test_a_numeric_without_a_scale_arrives_with_its_digits() -> None:
    assert str(TYPES.bind_of(parse_type("numeric"))("11.60")) == "11.60"
