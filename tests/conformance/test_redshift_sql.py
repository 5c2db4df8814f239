"""Redshift's SQL that no stand-in runs, held against its grammar: how tables lie, SUPER, COPY, upkeep."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from unittest.mock import Mock

import pytest
from sqlfluff.core import Linter

from softcart_assets.production import SQL
from sync.warehouses.changes import Comment, LoadMode
from sync.warehouses.redshift.dialect import RedshiftDialect
from sync.warehouses.redshift.layout import DECLARED, Layout, load_layouts
from sync.warehouses.redshift.staging import FiledTable
from sync.warehouses.redshift.warehouse import upkeep
from sync.warehouses.schema import ColumnSchema, ForeignKey, TableName, TableSchema
from sync.warehouses.stage.manifest import Manifest

DIALECT = RedshiftDialect("redshift://localhost/dev")
LINTER = Linter(dialect="redshift")
NAME = TableName("star", "fact_sales")
TABLE, WORK = '"star"."fact_sales"', '"star"."_staged_7_0"'
TYPES = (
    "bigint",
    "numeric(24,2)",
    "double precision",
    "boolean",
    "date",
    "timestamptz",
    "text",
    "jsonb",
    "uuid",
)
SCHEMA = TableSchema(
    NAME,
    tuple(ColumnSchema(f"c{number}", type_, True, False, None) for number, type_ in enumerate(TYPES)),
    key=("c0", "c6"),
)
KEYED = Layout(distkey="c0", sortkey=("c4", "c0"), encode={"c6": "zstd", "c1": "az64"})


def staged(
    layout: Layout, mode: LoadMode, role: str = "arn:aws:iam::1:role/load", region: str = ""
) -> FiledTable:
    lease: Any = Mock(token=7)
    return FiledTable(
        DIALECT, None, None, lease, SCHEMA, mode, 0,
        stage=Mock(), role=role, layouts={str(NAME): layout}, region=region,
    )  # fmt: skip


def differing() -> str:
    conditions = (DIALECT.differs(each, f't."{each.name}"', f'i."{each.name}"') for each in SCHEMA.columns)
    return f"SELECT COUNT(*) FROM {WORK} i LEFT JOIN {TABLE} t ON t.c0 = i.c0 WHERE {' OR '.join(conditions)}"


def hashed() -> str:
    from sync.warehouses.fingerprint import canonical

    texts = [
        DIALECT.length_prefixed(DIALECT.canonical_text(form, f't."{column.name}"'))
        for column in SCHEMA.columns
        if (form := canonical(column))
    ]
    return f"SELECT {DIALECT.hash_of(' || '.join(texts))} AS h FROM {TABLE} t"


def view(name: str) -> str:
    return (SQL / "postgresql" / "production" / f"{name}.sql").read_text()


MANIFEST = Manifest("s3://bucket/prefix/star.fact_sales/7-0/manifest.json", ())
READABLE = ("customers", "products", "sales")
COLUMNS, KEY = SCHEMA.column_names, SCHEMA.key
PARENT = ForeignKey("fact_sales_c0_fkey", ("c0",), TableName("star", "dim_country"), ("country_key",))
STATEMENTS = {
    "a table of its own layout": staged(KEYED, LoadMode.LOAD).definition(TABLE),
    "a table on every node": staged(Layout(diststyle="ALL"), LoadMode.LOAD).definition(TABLE),
    "a table as Redshift sees fit": staged(Layout(), LoadMode.LOAD).definition(TABLE),
    "a load": staged(Layout(), LoadMode.LOAD).statement(WORK, MANIFEST),
    "a load in another region": staged(KEYED, LoadMode.CHANGES, region="eu-west-1").statement(WORK, MANIFEST),
    "a load by the default role": staged(KEYED, LoadMode.CHANGES, role="default").statement(WORK, MANIFEST),
    "a lock": DIALECT.lock('"sync"."leases"'),
    "a merge": DIALECT.merge(TABLE, WORK, COLUMNS, KEY),
    "a merge of keys alone": DIALECT.merge(TABLE, WORK, KEY, KEY),
    "a delete": DIALECT.delete(TABLE, WORK, KEY),
    "a comparison": differing(),
    "a hash": hashed(),
    "a foreign key": DIALECT.complete(replace(SCHEMA, foreign_keys=(PARENT,)), PARENT)[0],
    "a comment": DIALECT.complete(SCHEMA, Comment("c1", "what 's paid"))[0],
    "another column": DIALECT.add_column(TABLE, "note", "SUPER"),
    "another name": DIALECT.rename_table(TableName("star", "_staged_7_0"), "fact_sales"),
    "a materialized view": DIALECT.create_materialized("r.totals", view("reports/total_sales_per_country")),
    "a refresh": DIALECT.refresh_materialized('"reports"."totals"', "")[0],
    **{f"the view {name}": f"CREATE VIEW v AS {view(f'bi/{name}')}" for name in READABLE},
    **{f"upkeep {number}": statement for number, statement in enumerate(upkeep(DIALECT, NAME))},
}  # fmt: skip


@pytest.mark.parametrize("name", STATEMENTS)
def test_a_statement_is_redshifts(name: str) -> None:
    statement = STATEMENTS[name]
    assert statement
    assert [str(error) for error in LINTER.parse_string(statement).violations] == []


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE t (a INTEGER) DISTSTYLE SOMEWHERE",
        "COPY t FROM 's3://bucket/key' IAM_ROLE MANIFEST MAXERROR",
        "CREATE TABLE t (a INTEGER) SORTKEY a",
    ],
)
def test_the_grammar_refuses_what_is_none(statement: str) -> None:
    assert LINTER.parse_string(statement).violations


def test_the_declared_layouts_are_of_columns_that_the_tables_have() -> None:
    """Columns are checked when a table is made; here that the file names tables of the star."""
    assert load_layouts(DECLARED).keys() <= {
        f"star.{name}"
        for name in ("fact_sales", "dim_customer", "dim_product", "dim_date", "dim_country", "dim_category")
    }
