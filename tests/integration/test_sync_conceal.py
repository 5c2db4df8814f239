"""A column that is masked or excluded after it has arrived: no plain value stays in the target."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import pymysql
import pytest
from pymongo.database import Database

from sync.errors import SyncError
from sync.sources.mongodb.source import MongoDBSource
from sync.sources.mysql.source import MySQLSource
from sync.spec import Column, Strategy, Table
from tests.integration.postgresql_support import Databases
from tests.integration.sync_support import Pipeline, execute

Shop = pymysql.Connection

NAMED = (Column("id", "integer"), Column("email", "text"), Column("day", "date"))
PLAIN = Table("members", "mysql", "shop", ("id",), NAMED, history=True)
EMAIL = Column("email", "text", mask=True)
HASH = "encode(sha256('{}'), 'hex')"


@pytest.fixture
def pipeline(shop: Shop, urls: dict[str, str], staging: str) -> Iterator[Pipeline]:
    execute(
        shop,
        "SET sql_mode = ''",
        "CREATE TABLE members (id INT PRIMARY KEY, email VARCHAR(99) NOT NULL, phone BIGINT, day DATE)",
        "INSERT INTO members VALUES (1, 'one@secret', 5550001, '2024-01-01'),"
        " (2, 'two@secret', 5550002, '2024-01-01'), (3, 'three@secret', 5550003, '0000-00-00'),"
        " (4, 'four@secret', 5550004, '2024-01-01')",
    )
    with closing(MySQLSource(urls["SOFTCART_MYSQL_URL"])) as source:
        yield Pipeline(source, staging)


def grow_old(pipeline: Pipeline, shop: Shop, table: Table) -> None:
    """Bring a former version, a row that is gone, one that never loaded, and one that does no longer."""
    pipeline.run(table)
    execute(
        shop,
        "UPDATE members SET email = 'new@secret' WHERE id = 1",
        "DELETE FROM members WHERE id = 2",
        "UPDATE members SET day = '0000-00-00' WHERE id = 4",
    )
    pipeline.run(table)
    assert secrets(pipeline)


def secrets(pipeline: Pipeline) -> list[Any]:
    """The rows of all tables that show a plain value."""
    return pipeline.query(
        "SELECT row FROM (SELECT t::text AS row FROM raw.members t UNION ALL"
        " SELECT t::text FROM history.members t UNION ALL SELECT t::text FROM quarantine.rejected_rows t) r"
        " WHERE row ~ 'secret|555000'"
    )


@pytest.mark.parametrize("strategy", [Strategy.FULL, Strategy.LOG])
def test_a_column_that_is_masked_later_leaves_no_plain_value(
    strategy: Strategy, pipeline: Pipeline, shop: Shop
) -> None:
    plain = replace(PLAIN, strategy=strategy)
    masked = replace(plain, columns=(NAMED[0], EMAIL, NAMED[2]))
    grow_old(pipeline, shop, plain)

    result = pipeline.run(masked)

    assert secrets(pipeline) == []
    assert (result.updated, result.quarantined) == (1, 2)
    one = "SELECT email = {} FROM raw.members WHERE id = 1 AND _batch = (SELECT last FROM sync.batch)"
    assert pipeline.query(one.format(HASH.format("new@secret"))) == [(True,)]
    gone = "SELECT email = {} FROM raw.members WHERE id = 2 AND _deleted"
    assert pipeline.query(gone.format(HASH.format("two@secret"))) == [(True,)]
    versions = "SELECT email FROM history.members WHERE id = 1 ORDER BY _changed_at"
    hashes = [HASH.format(f"{name}@secret") for name in ("one", "new", "new")]
    assert pipeline.query(versions) == [*pipeline.query(f"SELECT unnest(ARRAY[{', '.join(hashes)}])")]
    assert pipeline.run(masked).changed == 0


def test_a_number_that_is_masked_later_becomes_a_hash(pipeline: Pipeline, shop: Shop) -> None:
    plain = Table("members", "mysql", "shop", ("id",), exclude=frozenset({"email"}), history=True)
    masked = replace(
        plain, columns=(NAMED[0], NAMED[2], Column("phone", "text", mask=True)), exclude=frozenset()
    )
    grow_old(pipeline, shop, plain)
    pipeline.run(masked)
    assert secrets(pipeline) == []
    assert pipeline.query(f"SELECT phone = {HASH.format(5550001)} FROM raw.members WHERE id = 1") == [(True,)]


def test_a_key_that_is_masked_later_stays_the_key(pipeline: Pipeline, shop: Shop) -> None:
    by_email = replace(PLAIN, key=("email",))
    grow_old(pipeline, shop, by_email)
    result = pipeline.run(replace(by_email, columns=(NAMED[0], EMAIL, NAMED[2])))
    assert secrets(pipeline) == []
    assert (result.inserted, result.deleted, result.quarantined) == (0, 0, 2)


@pytest.mark.parametrize("strategy", [Strategy.FULL, Strategy.LOG])
def test_a_column_that_is_excluded_later_is_dropped(
    strategy: Strategy, pipeline: Pipeline, shop: Shop
) -> None:
    plain = replace(PLAIN, columns=(), strategy=strategy)
    grow_old(pipeline, shop, plain)
    pipeline.run(replace(plain, exclude=frozenset({"email", "phone"})))
    assert secrets(pipeline) == []


def test_a_column_that_is_masked_under_another_name_is_dropped_under_its_own(
    pipeline: Pipeline, shop: Shop
) -> None:
    grow_old(pipeline, shop, PLAIN)
    pipeline.run(replace(PLAIN, columns=(NAMED[0], replace(EMAIL, name="hash", source="email"), NAMED[2])))
    assert secrets(pipeline) == []


def test_a_change_log_that_is_not_kept_any_more_is_masked_too(pipeline: Pipeline, shop: Shop) -> None:
    grow_old(pipeline, shop, PLAIN)
    pipeline.run(replace(PLAIN, columns=(NAMED[0], EMAIL, NAMED[2]), history=False))
    assert secrets(pipeline) == []


def test_a_view_that_shows_the_plain_value_is_named_and_nothing_changes(
    pipeline: Pipeline, shop: Shop
) -> None:
    grow_old(pipeline, shop, PLAIN)
    pipeline.query("CREATE VIEW raw.shown AS SELECT email FROM raw.members")
    before = secrets(pipeline)
    with pytest.raises(SyncError, match=r"view raw\.shown depends on column"):
        pipeline.run(replace(PLAIN, columns=(NAMED[0], EMAIL, NAMED[2])))
    with pytest.raises(SyncError, match=r"view raw\.shown depends on column"):
        pipeline.run(replace(PLAIN, columns=(NAMED[0], NAMED[2]), exclude=frozenset({"email"})))
    assert secrets(pipeline) == before


def test_fields_of_documents_that_are_masked_or_excluded_later_leave_them(
    catalog: Database[dict[str, Any]], urls: dict[str, str], staging: str
) -> None:
    columns = (Column("_id", "text"), Column("email", "text", source="who.email"), Column("n", "integer"))
    plain = Table(
        "members", "mongodb", "catalog", ("_id",), columns, document="doc", history=True,
        strategy=Strategy.LOG,
    )  # fmt: skip
    hidden = replace(
        plain, columns=(columns[0], replace(columns[1], mask=True), columns[2]),
        exclude=frozenset({"phone", "calls.phone"}),
    )  # fmt: skip
    catalog.members.insert_many(
        {
            "_id": number,
            "who": {"email": f"{number}@secret"},
            "n": "bad" if number == 4 else 1,
            "phone": 5550001,
            "calls": [{"phone": 5550002, "x": 1}],
        }
        for number in range(1, 5)
    )
    with closing(MongoDBSource(urls["SOFTCART_MONGO_URL"])) as source:
        members = Pipeline(source, staging)
        members.run(plain)
        catalog.members.update_one({"_id": 1}, {"$set": {"who.email": "new@secret"}})
        catalog.members.delete_one({"_id": 2})
        members.run(plain)
        assert secrets(members)
        members.run(hidden)
        assert secrets(members) == []
        found = "SELECT doc->'who'->>'email' = email, doc->'calls'->0 FROM raw.members WHERE NOT _deleted"
        assert members.query(found) == [(True, {"x": 1})] * 2
        assert members.run(hidden).changed == 0


LATER = Table("people", "mysql", "shop", ("id",), history=True)


@pytest.fixture
def people(pipeline: Pipeline, shop: Shop) -> Pipeline:
    execute(
        shop,
        "CREATE TABLE people (id INT PRIMARY KEY, Email VARCHAR(20), v INT)",
        "INSERT INTO people VALUES (1, 'secret', 1)",
    )
    return pipeline


def columns_of(pipeline: Pipeline, schema: str) -> set[str]:
    found = pipeline.query(
        "SELECT column_name FROM information_schema.columns"
        f" WHERE table_name = 'people' AND table_schema = '{schema}' AND column_name !~ '^_'"
    )
    return {name for (name,) in found}


def test_an_excluded_column_of_mysql_is_found_in_any_case(people: Pipeline) -> None:
    people.run(replace(LATER, exclude=frozenset({"email"})))
    assert columns_of(people, "raw") == {"id", "v"}


def test_a_column_of_mysql_that_is_excluded_later_is_dropped_in_any_case(people: Pipeline) -> None:
    people.run(LATER)
    people.run(replace(LATER, exclude=frozenset({"EMAIL"})))
    assert columns_of(people, "raw") == columns_of(people, "history") == {"id", "v"}


@pytest.mark.parametrize("name", ["email", "hash"])
def test_a_column_of_mysql_that_is_masked_later_leaves_none_in_another_case(
    name: str, people: Pipeline
) -> None:
    people.run(LATER)
    mask = Column(name, "text", source="email", mask=True)
    people.run(replace(LATER, columns=(Column("id", "integer"), mask)))
    for schema in ("raw", "history"):
        assert "Email" not in columns_of(people, schema)
        shown = people.query(f"SELECT t::text FROM {schema}.people t")
        assert not [row for (row,) in shown if "secret" in row]


def test_an_excluded_name_that_the_table_does_not_have_is_refused(people: Pipeline) -> None:
    said = r"raw\.people: exclude names 'e_mail', but shop\.people has no such column .*: id, Email, v"
    for columns in ((), (Column("id", "integer"),)):
        with pytest.raises(SyncError, match=said):
            people.run(replace(LATER, columns=columns, exclude=frozenset({"e_mail", "email"})))
    assert people.query("SELECT to_regclass('raw.people')") == [(None,)]


def test_what_an_optional_table_excludes_is_not_asked_before_it_is_there(people: Pipeline) -> None:
    table = Table(
        "absent", "mysql", "shop", ("id",), (Column("id", "integer"),), optional=True,
        exclude=frozenset({"email"}),
    )  # fmt: skip
    assert people.run(table).rows == 0


def test_an_excluded_name_that_a_table_of_postgresql_does_not_have_is_refused(databases: Databases) -> None:
    databases.execute('CREATE TABLE people (id integer PRIMARY KEY, "Email" text)')
    table = Table("people", "postgresql", "public", ("id",), exclude=frozenset({"email"}))
    with pytest.raises(SyncError, match=r"exclude names 'email', but public\.people has no such column"):
        databases.run(table)
    databases.run(replace(table, exclude=frozenset({"Email"})))
    assert columns_of(databases, "raw") == {"id"}
