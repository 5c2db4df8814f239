"""What can be said of BigQuery without a server: its URL, its SQL by its grammar, its types and limits."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlfluff.core import Linter

from stack.go import GoMissing, program
from stack.home import Home
from sync.errors import SyncError
from sync.types import parse_type
from sync.warehouses.bigquery.connection import as_script, literal
from sync.warehouses.bigquery.dialect import BigQueryDialect
from sync.warehouses.bigquery.layout import Layout, load_layouts
from sync.warehouses.bigquery.staging import LoadedTable
from sync.warehouses.bigquery.types import TYPES, cast
from sync.warehouses.bigquery.url import settings
from sync.warehouses.changes import LoadMode
from sync.warehouses.contract import Inspection
from sync.warehouses.db2.dialect import Db2Dialect
from sync.warehouses.dbapi.dialect import Dialect
from sync.warehouses.dbapi.types import Unfit
from sync.warehouses.dbapi.warehouse import DbApiWarehouse
from sync.warehouses.fingerprint import canonical
from sync.warehouses.mirror import Publication, _plan
from sync.warehouses.schema import ColumnSchema, ForeignKey, TableName, TableSchema

SQL = Path(__file__).parents[2] / "sql"
URL = "bigquery://my-shop/softcart?location=EU&readers=group:bi@example.org"
DIALECT = BigQueryDialect(URL.replace("@", "%40"), {"star.fact_sales": Layout("c3", "MONTH", ("c0", "c5"))})
BASES = (
    "bigint",
    "numeric(24,2)",
    "double precision",
    "timestamptz",
    "boolean",
    "text",
    "jsonb",
    "bytea",
    "date",
)
COLUMNS = tuple(ColumnSchema(f"c{n}", type_, n > 0, False, "it's") for n, type_ in enumerate(BASES))
SCHEMA = TableSchema(TableName("star", "fact_sales"), COLUMNS, key=("c0",), comment="Sales")
TABLE = DIALECT.table(SCHEMA.name)


class Recorder:
    """The engine's own tables, whose statements are kept and not run."""

    def __init__(self) -> None:
        self.statements: list[str] = []

    def run(self, statement: str, values: Sequence[Any] = ()) -> None:
        self.statements.append(statement.replace("\0", "'x'"))

    def create_schema(self, schema: str) -> None:
        self.run(DIALECT.create_schema(schema) or "")

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        self.statements.append(statement)
        return [("I", 1)] if "GROUP BY" in statement else [(1,)]


def pass_over_the_table() -> list[str]:
    """What a pass of changes says."""
    own: Any = Recorder()
    lease: Any = SimpleNamespace(token=7)
    staged = LoadedTable(DIALECT, None, own, lease, SCHEMA, LoadMode.CHANGES, 1, stage=None)
    staged.make()
    staged.upsert()
    staged.delete()
    staged._remove([("1", *[None] * 8), ("2", *[None] * 8)])
    staged.demand(10)
    return [*own.statements, DIALECT.replace_table(SCHEMA, staged.live())]


def hashed() -> str:
    texts = []
    for column in SCHEMA.columns:
        if form := canonical(column):
            texts.append(
                DIALECT.length_prefixed(
                    DIALECT.canonical_text(form, DIALECT.digits(column, f"t.{column.name}"))
                )
            )
    return f"SELECT {DIALECT.hash_of(' || '.join(texts))} AS h FROM {TABLE} t"


KEY = ForeignKey("fact_country", ("c0",), TableName("star", "dim_country"), ("country_key",))
QUERY = (SQL / "bigquery" / "production" / "reports" / "total_sales_per_country.sql").read_text()
VIEW = TableName("bi", "sales")
STATEMENTS = [
    *pass_over_the_table(),
    as_script(pass_over_the_table()[1:3]),
    hashed(),
    DIALECT.insert_first(DIALECT.table(TableName("sync", "leases")), ["name", "token"], ["'a'", "0"]),
    DIALECT.create_table(TABLE, [("c0", "STRING"), ("c1", "STRING")], key=("c0",)),
    DIALECT.add_column(TABLE, "c9", "STRING"),
    *DIALECT.drop_not_null(TABLE, "c1"),
    *DIALECT.complete(SCHEMA, KEY),
    DIALECT.drop_constraint(TABLE, "fact_country"),
    DIALECT.create_materialized(DIALECT.table(VIEW), DIALECT.spoken(QUERY)),
    DIALECT.drop_materialized(DIALECT.table(VIEW)),
    *DIALECT.refresh_materialized(DIALECT.table(VIEW), QUERY),
    *(
        DIALECT.spoken(path.read_text())
        for folder in ("aggregates", "postgresql/production/bi", "dashboard")
        for path in sorted((SQL / folder).glob("*.sql"))
    ),
]


def unparsable(statement: str) -> list[str]:
    tree = Linter(dialect="bigquery").parse_string(statement).tree
    return ["everything"] if tree is None else [piece.raw for piece in tree.recursive_crawl("unparsable")]


# The names of work tables are drawn anew in each process; those of tests may not be.
@pytest.mark.parametrize("statement", STATEMENTS, ids=[f"{number}" for number in range(len(STATEMENTS))])
def test_statements_are_bigquerys_sql(statement: str) -> None:
    assert unparsable(statement) == []


def test_a_table_that_the_platform_quoted_gets_its_dataset_too() -> None:
    quoted = f"SELECT a FROM {DIALECT.quote('reports')}.{DIALECT.quote('totals')}"
    assert DIALECT.spoken(quoted) == "SELECT a FROM `softcart_reports`.`totals`"
    assert DIALECT.spoken(DIALECT.spoken(quoted)) == DIALECT.spoken(quoted)


def test_readers_that_the_url_names_may_read_the_views() -> None:
    (statement,) = DIALECT.grant(VIEW, "bi")  # which sqlfluff does not know
    assert statement == (
        'GRANT `roles/bigquery.dataViewer` ON VIEW `softcart_bi`.`sales` TO "group:bi@example.org"'
    )


def test_a_broken_statement_is_told_from_a_sound_one() -> None:
    assert unparsable("CREATE TABLE `a`.`b` (c INT64) PARTITION CLUSTER c")


def test_a_transaction_is_one_script_which_begins_with_the_fence() -> None:
    assert as_script(["DELETE FROM a WHERE TRUE"]) == "DELETE FROM a WHERE TRUE"
    script = as_script(["UPDATE l SET t = 1 WHERE TRUE", "DELETE FROM a WHERE TRUE"])
    assert script.split(";\n")[0] == "BEGIN TRANSACTION"
    assert script.endswith("COMMIT TRANSACTION;")


def test_names_of_the_platforms_queries_get_their_dataset_and_texts_stay() -> None:
    said = DIALECT.spoken(
        '-- from star.x\nSELECT \'from star.a\', s."n" FROM star.a AS s JOIN "bi"."b" USING (k)'
    )
    assert said == (
        "-- from star.x\nSELECT 'from star.a', s.`n` FROM `softcart_star`.`a` AS s"
        " JOIN `softcart_bi`.`b` USING (k)"
    )


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("bigquery://my-shop", "the form bigquery://project/prefix"),
        ("bigquery://my-shop/soft-cart", "the form bigquery://project/prefix"),
        ("bigquery://my-shop/softcart?locatoin=EU", "unknown option 'locatoin'"),
        ("bigquery://my-shop/softcart?readers=bi", "is a principal"),
    ],
)
def test_a_url_that_says_nothing_usable_is_refused(url: str, reason: str) -> None:
    with pytest.raises(SyncError, match=reason):
        settings(url)


def test_a_port_means_an_emulator() -> None:
    found = settings("bigquery://u:secret@127.0.0.1:9050/softcart?project=shop")
    assert (found.project, found.endpoint) == ("shop", "http://127.0.0.1:9050")
    assert "secret" not in repr(found)


@pytest.mark.parametrize(
    ("type_", "native"),
    [
        ("numeric(14,2)", "NUMERIC(14, 2)"),
        ("numeric(38,9)", "NUMERIC(38, 9)"),
        ("numeric(31,10)", "BIGNUMERIC(31, 10)"),
        ("numeric(76,38)", "BIGNUMERIC(76, 38)"),
        ("numeric", "BIGNUMERIC"),
        ("character varying(20)", "STRING(20)"),
    ],
)
def test_a_number_gets_the_smallest_type_that_holds_it(type_: str, native: str) -> None:
    assert TYPES.native_type(SCHEMA.name, ColumnSchema("c", type_, True, False, None)) == native


@pytest.mark.parametrize("type_", ["numeric(39,0)", "numeric(60,39)", "interval"])
def test_a_type_that_bigquery_lacks_is_refused_by_name(type_: str) -> None:
    with pytest.raises(SyncError, match="the column c"):
        TYPES.native_type(SCHEMA.name, ColumnSchema("c", type_, True, False, None))


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        ("numeric(14,2)", "NaN"),
        ("numeric", "1" * 39),
        ("numeric", "0." + "1" * 39),
        ("numeric", "1.50"),
        ("date", "0044-03-15 BC"),
        ("timestamp", "infinity"),
        ("jsonb", '{"a": 0.12345678901234567890123}'),
        ("jsonb", "123456789012345678901234567890"),
    ],
)
def test_a_value_that_bigquery_cannot_hold_is_found_before_it_is_sent(type_: str, value: str) -> None:
    with pytest.raises(Unfit):
        TYPES.bind_of(parse_type(type_))(value)


def test_literals_and_casts_keep_every_character() -> None:
    assert literal("it's a\\b\nc") == "'it\\'s a\\\\b\\nc'"
    assert cast("`c`", "NUMERIC(14, 2)") == "CAST(`c` AS NUMERIC)"
    assert (cast("`c`", "STRING(3)"), cast("`c`", "BYTES")) == ("`c`", "FROM_HEX(`c`)")


def test_a_layout_names_columns_that_are_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SyncError, match="'nope', which it does not have"):
        Layout("nope").attributes(SCHEMA, DIALECT.quote)
    with pytest.raises(SyncError, match="c0 is bigint and no time"):
        Layout("c0").attributes(SCHEMA, DIALECT.quote)
    (tmp_path / "layout.json").write_text('{"star.a": {"by": "WEEK"}}')
    monkeypatch.setenv("SOFTCART_BIGQUERY_LAYOUT", str(tmp_path / "layout.json"))
    with pytest.raises(SyncError, match="by is one of DAY, MONTH, YEAR"):
        load_layouts()


def test_without_go_the_emulator_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(os.environ, "PATH", str(tmp_path))
    with pytest.raises(GoMissing, match="there is no Go on PATH: install go"):
        program(Home(tmp_path, tmp_path), "bigquery", "example.org/emulator", {})


@pytest.mark.parametrize(
    ("dialect", "told"), [(DIALECT, "?readers="), (Db2Dialect("db2://a:b@c:1/d"), "create it")]
)
def test_where_nobody_may_read_the_views_a_person_is_told_what_the_system_needs(
    dialect: Dialect, told: str
) -> None:
    nothing = Inspection(None, {}, {}, {}, False, {})
    plan = _plan(nothing, {}, {}, DbApiWarehouse(dialect), Publication(role="bi"), False)
    assert told in plan.notes[0]
