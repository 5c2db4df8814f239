"""What can be said of Snowflake without a server: its URL, its SQL as sqlfluff parses it, and what is made of
the answer of a COPY."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import snowflake.connector
from sqlfluff.core import Linter

from stack.snowflake_setup import render
from sync.errors import SyncError, TransientError
from sync.warehouses.changes import Comment, NotNull, PrimaryKey
from sync.warehouses.schema import ColumnSchema, ForeignKey, TableName, TableSchema
from sync.warehouses.snowflake.dialect import CLUSTERING, SnowflakeDialect
from sync.warehouses.snowflake.load import check, copy_statement
from sync.warehouses.snowflake.types import Document
from sync.warehouses.snowflake.url import connect_arguments

SQL = Path(__file__).parents[2] / "sql"
URL = "snowflake://loader:secret@org-account/softcart?warehouse=wh&role=loader"
COUNTRY, FACT = TableName("star", "dim_country"), TableName("star", "fact_sales")
TABLE = TableSchema(FACT, (ColumnSchema("sale_key", "bigint", False, False, None),), ("sale_key",))


def unparsable(script: str) -> list[str]:
    """What sqlfluff does not understand of a script."""
    parsed = Linter(dialect="snowflake").parse_string(script)
    tree = parsed.tree
    found = [] if tree is None else [piece.raw for piece in tree.recursive_crawl("unparsable")]
    return found + ([] if tree is not None else ["everything"])


@pytest.mark.parametrize(
    "path",
    [
        *SQL.glob("aggregates/*.sql"),
        *SQL.glob("postgresql/production/*/*.sql"),  # of which Snowflake has none of its own
        SQL / "snowflake/setup/items.sql",
    ],
    ids=lambda path: f"{path.parent.name}-{path.stem}",
)
def test_our_queries_are_snowflakes_sql(path: Path) -> None:
    assert unparsable(path.read_text()) == []


def test_the_set_up_is_snowflakes_sql_and_names_what_the_settings_name() -> None:
    script = render({"SOFTCART_STAGE": "s3://shop-files/in/", "SOFTCART_SNOWFLAKE_DATABASE": "SHOP"})
    assert unparsable(script) == []
    assert "URL = 's3://shop-files/in/sales/'" in script
    assert "CREATE DATABASE IF NOT EXISTS SHOP;" in script


@pytest.mark.parametrize(
    ("variable", "value"),
    [("SOFTCART_SNOWFLAKE_DATABASE", "a; DROP DATABASE b"), ("SOFTCART_STAGE", "/tmp/stage")],
)
def test_a_setting_that_cannot_stand_in_sql_is_refused_by_name(variable: str, value: str) -> None:
    with pytest.raises(ValueError, match=variable):
        render({variable: value})


def test_a_broken_statement_is_told_from_a_sound_one() -> None:
    assert unparsable("MERGE INTO a USING b ON WHEN MATCHED THEN DELETE") != []


def statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Those that no stand-in executes, or executes as something else."""
    monkeypatch.setenv(CLUSTERING, "star.fact_sales=sale_key")
    dialect = SnowflakeDialect(f"{URL}&dynamic_tables=true")
    key = ForeignKey("fk", ("country_key",), COUNTRY, ("country_key",))
    totals = (SQL / "postgresql/production/reports/total_sales_per_country.sql").read_text()
    kinds = [int, bytes, Document, str]
    return [
        *dialect.complete(TABLE, PrimaryKey(("sale_key",))),
        *dialect.complete(TABLE, NotNull("sale_key")),
        *dialect.complete(TABLE, key),
        *dialect.comment(FACT, Comment("sale_key", "the sale's \\ 'key'")),
        *dialect.grant(FACT, "bi"),
        dialect.create_materialized(dialect.table(FACT), totals),
        *dialect.refresh_materialized(dialect.table(FACT), totals),
        dialect.create_work_table(dialect.table(FACT), [("a", "NUMBER(5, 0)")]),
        dialect.delete(dialect.table(FACT), dialect.table(COUNTRY), ["a", "b"]),
        dialect.insert_first(dialect.table(FACT), ["a"], ["1"]),
        copy_statement("DB.S.STAGE", "folder", ["f.parquet"], '"S"."T"', ['"A"', '"B"', '"C"', '"D"'], kinds),
        f"SELECT {dialect.hash_of(dialect.length_prefixed('t.a'))} FROM t",
    ]


def test_what_no_stand_in_executes_is_snowflakes_sql(monkeypatch: pytest.MonkeyPatch) -> None:
    made = statements(monkeypatch)
    assert 'ALTER TABLE "STAR"."FACT_SALES" CLUSTER BY ("SALE_KEY")' in made
    assert {statement: found for statement in made if (found := unparsable(f"{statement};"))} == {}


def test_small_names_are_held_in_capitals_also_in_views_and_never_in_literals() -> None:
    dialect = SnowflakeDialect(URL)
    assert dialect.quote("fact_sales") == '"FACT_SALES"'
    assert dialect.quote("Order % Näme") == '"Order % Näme"'
    query = """SELECT "a", 'it''s "b"' AS "Täg" FROM "star"."t" WHERE x = '\\'"c"'"""
    assert dialect.spoken(query) == """SELECT "A", 'it''s "b"' AS "Täg" FROM "STAR"."T" WHERE x = '\\'"c"'"""
    with pytest.raises(SyncError, match="SALE: names in small letters are kept in capitals on Snowflake"):
        dialect.quote("SALE")


@pytest.mark.parametrize(
    ("number", "state", "words", "is_there", "is_gone"),
    [
        (2002, "42710", "Object 'STAR.T' already exists.", True, False),
        (2200, "42601", "primary key already exists for table 'T'", True, False),
        (2201, "02000", "Constraint 'FK' does not exist or not authorized.", False, True),
        (904, "42000", "error line 1 at position 7 invalid identifier 'A'", False, False),
    ],
    ids=["an object", "a key", "a constraint", "another error"],
)
def test_a_definition_that_was_run_before_is_told_by_its_words(
    number: int, state: str, words: str, is_there: bool, is_gone: bool
) -> None:
    said = f"SQL compilation error:\n{words}"
    error = snowflake.connector.errors.ProgrammingError(msg=said, errno=number, sqlstate=state)
    dialect = SnowflakeDialect(URL)
    assert (dialect.is_there(error), dialect.is_gone(error)) == (is_there, is_gone)
    assert not dialect.is_there(snowflake.connector.errors.OperationalError(msg=words, errno=number))


ROW = ("stage/folder/a.parquet", "LOADED", 5, 5)


@pytest.mark.parametrize(
    "answer",
    [
        [ROW],
        [ROW, ("stage/folder/b.parquet", "LOAD_SKIPPED", 0, 0)],
        [ROW, ("stage/folder/b.parquet", "PARTIALLY_LOADED", 4, 3)],
        [("Copy executed with 0 files processed.",)],
    ],
    ids=["half of the files", "skipped", "half of the rows", "nothing"],
)
def test_a_copy_that_took_less_than_its_files_is_worth_another_try(answer: list[Any]) -> None:
    with pytest.raises(TransientError, match=r"took \S+ of the \d rows of [ab]\.parquet"):
        check(answer, "t", {"a.parquet": 5, "b.parquet": 4})


def test_a_copy_that_took_all_is_fine() -> None:
    check([ROW, ("b.parquet", "LOADED", 4, 4)], "t", {"a.parquet": 5, "b.parquet": 4})


def test_a_url_is_read_as_sqlalchemy_reads_it() -> None:
    arguments = connect_arguments("snowflake://me:p%40ss@org-account/softcart?warehouse=wh&role=r")
    wanted = {"user": "me", "password": "p@ss", "account": "org-account", "warehouse": "wh", "role": "r"}
    assert arguments.items() >= wanted.items()


@pytest.mark.parametrize("url", ["snowflake://me@account", "snowflake://me@account/db?rolle=x"])
def test_a_url_that_lacks_something_or_has_an_unknown_option_is_refused(url: str) -> None:
    with pytest.raises(SyncError, match="snowflake URL"):
        connect_arguments(url)
