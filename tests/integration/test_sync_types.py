"""Every type of MySQL arrives exact, by a written mapping, or in quarantine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace

import pymysql
import pytest

from stack.cluster import Cluster
from sync.errors import SyncError
from sync.sources.mysql.source import MySQLSource
from sync.spec import Column, Strategy, Table
from tests.integration.mysql_values import EVERYWHERE, MARIADB, MYSQL, Values
from tests.integration.sync_support import Pipeline, execute

Shop = pymysql.Connection


@dataclass
class Server:
    """A shop on one system: a connection that may write to it, a reader's URL, and the types that it has."""

    shop: Shop
    url: str = field(repr=False)
    types: Values


@pytest.fixture(params=["MariaDB", "MySQL"])
def server(request: pytest.FixtureRequest) -> Server:
    if request.param == "MariaDB":
        url = request.getfixturevalue("urls")["SOFTCART_MYSQL_URL"]
        return Server(request.getfixturevalue("shop"), url, EVERYWHERE + MARIADB)
    url = request.getfixturevalue("mysql_server").reader
    return Server(request.getfixturevalue("mysql_shop"), url, EVERYWHERE + MYSQL)


@pytest.fixture
def pipeline(server: Server, staging: str) -> Iterator[Pipeline]:
    with closing(MySQLSource(server.url)) as source:
        yield Pipeline(source, staging)


def column_types(pipeline: Pipeline, name: str) -> list[str]:
    rows = pipeline.query(
        "SELECT format_type(atttypid, atttypmod) FROM pg_attribute"
        f" WHERE attrelid = 'raw.{name}'::regclass AND attname LIKE 'c%' AND attnum > 0 ORDER BY attnum"
    )
    return [row[0] for row in rows]


def test_every_type_becomes_its_natural_type_and_keeps_its_values(pipeline: Pipeline, server: Server) -> None:
    columns = ", ".join(f"c{number} {type_}" for number, (type_, _, _) in enumerate(server.types))
    execute(
        server.shop,
        "SET sql_mode = '', time_zone = 'SYSTEM'",
        f"CREATE TABLE types (id INT PRIMARY KEY, {columns})",
    )
    wanted = []
    for row in range(max(len(values) for _, _, values in server.types)):
        pairs = [values[min(row, len(values) - 1)] for _, _, values in server.types]
        execute(server.shop, _insert(row + 1, [literal for literal, _ in pairs]))
        wanted.append([text for _, text in pairs])

    table = Table("types", "mysql", "shop", key=("id",))
    assert pipeline.run(table).quarantined == 0
    assert pipeline.run(table).changed == 0

    assert column_types(pipeline, "types") == [type_ for _, type_, _ in server.types]
    shown = ", ".join(f"c{number}::text" for number in range(len(server.types)))
    arrived = pipeline.query(f"SET TimeZone = 'UTC'; SELECT {shown} FROM raw.types ORDER BY id")
    for row, expected in zip(arrived, wanted, strict=True):
        different = [
            (t[0], got, want) for t, got, want in zip(server.types, row, expected, strict=True) if got != want
        ]
        assert different == []


def _insert(row: int, literals: list[str]) -> str:
    names = ", ".join(f"c{number}" for number in range(len(literals)))
    return f"INSERT INTO types (id, {names}) VALUES ({row}, {', '.join(literals)})"


def test_null_is_null_in_every_type(pipeline: Pipeline, server: Server) -> None:
    ordinary = [type_ for type_, _, _ in server.types if "GENERATED" not in type_]
    columns = ", ".join(f"c{number} {type_}" for number, type_ in enumerate(ordinary))
    execute(
        server.shop,
        f"CREATE TABLE nulls (id INT PRIMARY KEY, {columns})",
        "INSERT INTO nulls (id) VALUES (1)",
    )
    pipeline.run(Table("nulls", "mysql", "shop", key=("id",)))
    everything = " AND ".join(f"c{number} IS NULL" for number in range(len(ordinary)))
    assert pipeline.query(f"SELECT {everything} FROM raw.nulls") == [(True,)]


# MySQL's type, a declared type that holds only some of its values, one value that fits and one that does not.
NARROWER = [
    ("DECIMAL(12,4)", "numeric(12,2)", "'1.5000'", "'1.2345'"),
    ("BIGINT", "integer", "5", "3000000000"),
    ("INT", "boolean", "1", "2"),
    ("VARCHAR(20)", "varchar(3)", "'abc'", "'abc '"),
    ("VARCHAR(20)", "char(3)", "'ab'", "'a '"),
    ("DATETIME(6)", "timestamp(0)", "'2024-01-01 10:00:00'", "'2024-01-01 10:00:00.5'"),
    ("TIME", "time", "'23:00:00'", "'25:00:00'"),
    ("LONGTEXT", "jsonb", "'{\"a\": 1.50}'", "'{oops'"),
    ("LONGTEXT", "jsonb", "'[\"\\\\\\\\u0000\"]'", "'[\"\\\\u0000\"]'"),
    ("INT", "numeric(4,-2)", "1200", "1234"),
    ("DATETIME(3)", "timestamp(3)", "'2020-02-29 01:02:03.004'", "'2020-00-10 01:02:03.004'"),
    ("DATE", "date", "'2020-10-01'", "'2020-10-00'"),
    ("DATE", "date", "'0001-01-01'", "'0000-01-01'"),
    ("TIMESTAMP NULL", "timestamptz", "FROM_UNIXTIME(1)", "'0000-00-00'"),
    ("VARCHAR(9) CHARACTER SET sjis", "text", "'ソ?'", "_sjis x'F0403F'"),
    ("VARCHAR(9) CHARACTER SET cp1250", "text", "'?'", "_cp1250 x'81'"),
    ("ENUM('a', x'E9') CHARACTER SET binary", "text", "'a'", "x'E9'"),
]


def test_a_value_that_a_narrower_declared_type_would_bend_is_quarantined(
    pipeline: Pipeline, server: Server
) -> None:
    names = [f"c{number}" for number in range(len(NARROWER))]
    theirs = ", ".join(f"{name} {each[0]}" for name, each in zip(names, NARROWER, strict=True))
    fitting = [fits for _, _, fits, _ in NARROWER]
    rows = [fitting]
    for number, (_, _, _, misfit) in enumerate(NARROWER):
        rows.append([*fitting[:number], misfit, *fitting[number + 1 :]])
    execute(
        server.shop,
        "SET sql_mode = ''",
        f"CREATE TABLE narrow (id INT PRIMARY KEY, {theirs})",
        *(f"INSERT INTO narrow VALUES ({number}, {', '.join(row)})" for number, row in enumerate(rows)),
        f"INSERT INTO narrow (id) VALUES ({len(rows)})",
    )
    columns = tuple(Column(name, each[1]) for name, each in zip(names, NARROWER, strict=True))
    result = pipeline.run(
        Table("narrow", "mysql", "shop", ("id",), columns=(Column("id", "integer"), *columns))
    )

    assert (result.read, result.rows, result.quarantined) == (len(rows) + 1, 2, len(NARROWER))
    for key, reason, raw in pipeline.query("SELECT key, reason, raw FROM quarantine.rejected_rows"):
        culprit = f"c{int(key) - 1}"
        assert culprit in reason or "invalid byte sequence" in reason
        assert json.loads(raw)[culprit] not in (None, "", "?")


def test_bytes_that_are_no_text_are_shown_as_they_are(pipeline: Pipeline, server: Server) -> None:
    ordinary = [f"({number}, 'a', 'ok')" for number in range(3, 999)]
    execute(
        server.shop,
        "CREATE TABLE words (id INT PRIMARY KEY, a VARCHAR(9) CHARACTER SET sjis,"
        " b ENUM('ok', x'41E9') CHARACTER SET binary)",
        "INSERT INTO words VALUES (1, _sjis x'41F040', 'ok'), (2, 'a', x'41E9')",
        f"INSERT INTO words VALUES {', '.join(ordinary)}",
    )
    assert pipeline.run(Table("words", "mysql", "shop", key=("id",))).quarantined == 2
    raw = pipeline.query("SELECT raw FROM quarantine.rejected_rows ORDER BY key")
    assert [json.loads(values) for (values,) in raw] == [
        {"id": "1", "a": "0x41F040", "b": "ok"},
        {"id": "2", "a": "a", "b": "A\\xe9"},
    ]


def test_a_moment_is_the_same_whatever_the_zone_of_its_writer_and_of_the_server(
    urls: dict[str, str], shop: Shop, staging: str, stack: Cluster
) -> None:
    execute(shop, "CREATE TABLE moments (id INT PRIMARY KEY, at TIMESTAMP)")
    for number, zone in enumerate(["+02:00", "+01:00", "-11:30"]):
        execute(
            shop, f"SET time_zone = '{zone}'", f"INSERT INTO moments VALUES ({number}, '2024-10-27 02:30')"
        )
    table = Table("moments", "mysql", "shop", key=("id",))
    login = {"user": "root", "password": stack.home.passwords["mysql.root"], "host": "127.0.0.1"}
    with pymysql.connect(**login, port=stack.ports.known()["mysql"]) as root:
        for zone in ["+05:30", "SYSTEM"]:
            execute(root, f"SET GLOBAL time_zone = '{zone}'")
            with closing(MySQLSource(urls["SOFTCART_MYSQL_URL"])) as source:
                pipeline = Pipeline(source, staging)
                pipeline.run(table)
    assert pipeline.query("SET TimeZone = 'UTC'; SELECT at::text, _batch FROM raw.moments ORDER BY id") == [
        ("2024-10-27 00:30:00+00", 1),
        ("2024-10-27 01:30:00+00", 1),
        ("2024-10-27 14:00:00+00", 1),
    ]


ZERO_DATES = Table(
    "deliveries", "mysql", "shop", ("id",),
    columns=(
        Column("id", "integer"), Column("said", "text", source="day"),
        Column("day", "date", zero_date="null"), Column("at", "timestamp", zero_date="2000-01-01"),
        Column("seen", "timestamptz", zero_date="1970-01-01"),
    ),
)  # fmt: skip


def test_a_declaration_maps_zero_dates_and_no_other(pipeline: Pipeline, server: Server) -> None:
    execute(
        server.shop,
        "SET sql_mode = '', time_zone = '+00:00'",
        "CREATE TABLE deliveries (id INT PRIMARY KEY, day DATE NOT NULL, at DATETIME(3), seen TIMESTAMP"
        " NULL)",
        "INSERT INTO deliveries VALUES (1, 0, 0, 0), (2, '2024-01-02', NULL, NULL),"
        " (3, '2024-00-02', NULL, NULL), (4, 0, '0000-00-00 01:00:00', NULL), (5, 0, '2024-01-00', 0)",
    )
    assert pipeline.run(ZERO_DATES).quarantined == 3
    assert pipeline.query(
        "SET TimeZone = 'UTC';"
        " SELECT id, said, day::text, at::text, seen::text FROM raw.deliveries ORDER BY id"
    ) == [
        (1, "0000-00-00", None, "2000-01-01 00:00:00", "1970-01-01 00:00:00+00"),
        (2, "2024-01-02", "2024-01-02", None, None),
    ]
    reasons = {key: reason for _, key, reason in pipeline.rejected()}
    assert reasons == {
        "3": "column day: '2024-00-02' cannot be stored as date",
        "4": "column at: '0000-00-00 01:00:00.000' cannot be stored as timestamp",
        "5": "column at: '2024-01-00 00:00:00.000' cannot be stored as timestamp",
    }
    assert pipeline.run(ZERO_DATES).changed == 0


def test_a_table_maps_the_zero_dates_of_columns_from_the_catalog(pipeline: Pipeline, server: Server) -> None:
    execute(
        server.shop,
        "SET sql_mode = ''",
        "CREATE TABLE days (day DATE PRIMARY KEY, at DATETIME, n INT)",
        "INSERT INTO days VALUES (0, 0, 0), ('2024-01-02', '2024-00-02', 1)",
    )
    days = Table("days", "mysql", "shop", ("day",))
    assert pipeline.run(days).quarantined == 2
    with pytest.raises(SyncError, match=r"raw\.days: key column day takes no NULL"):
        pipeline.run(replace(days, zero_date="null"))
    assert pipeline.run(replace(days, zero_date="1970-01-01")).quarantined == 1
    expected = [("1970-01-01", "1970-01-01 00:00:00", 0)]
    assert pipeline.query("SELECT day::text, at::text, n FROM raw.days") == expected
    by_number = replace(days, name="numbered", source_table="days", key=("n",), zero_date="null")
    pipeline.run(by_number)
    assert pipeline.query("SELECT day, at FROM raw.numbered") == [(None, None)]


@pytest.mark.parametrize("zero_date", ["null", "2030-01-01", None])
@pytest.mark.parametrize("null", ["NULL", "NOT NULL"])
def test_a_row_with_a_zero_date_as_its_cursor_is_read_by_each_pass(
    zero_date: str | None, null: str, pipeline: Pipeline, server: Server
) -> None:
    execute(
        server.shop,
        "SET sql_mode = ''",
        f"CREATE TABLE visits (id INT PRIMARY KEY, at DATETIME {null}, n INT)",
        "INSERT INTO visits VALUES (1, '2024-01-02', 1), (2, 0, 2)",
    )
    visits = Table(
        "visits", "mysql", "shop", ("id",), strategy=Strategy.WATERMARK, cursor="at", zero_date=zero_date
    )
    pipeline.run(visits)
    execute(server.shop, "UPDATE visits SET n = 3 WHERE id = 2", "INSERT INTO visits VALUES (3, 0, 4)")
    result = pipeline.run(visits)
    if zero_date:
        assert pipeline.query("SELECT n FROM raw.visits ORDER BY id") == [(1,), (3,), (4,)]
    else:
        assert result.quarantined == 2
        rejected = pipeline.query("SELECT raw FROM quarantine.rejected_rows ORDER BY key")
        assert [json.loads(raw)["n"] for (raw,) in rejected] == ["3", "4"]


def test_a_zero_date_of_a_column_without_dates_is_refused(pipeline: Pipeline, server: Server) -> None:
    execute(
        server.shop,
        "CREATE TABLE deliveries (id INT PRIMARY KEY, day VARCHAR(10), at DATETIME, seen DATETIME)",
    )
    with pytest.raises(SyncError, match=r"raw\.deliveries, column day: varchar\(10\)"):
        pipeline.run(ZERO_DATES)


def test_a_type_without_an_exact_form_is_refused_with_the_one_that_has_it(
    pipeline: Pipeline, server: Server
) -> None:
    execute(server.shop, "CREATE TABLE t (id INT PRIMARY KEY, c DOUBLE)")
    table = Table(
        "t", "mysql", "shop", ("id",), columns=(Column("id", "integer"), Column("c", "numeric(9,2)"))
    )
    with pytest.raises(
        SyncError, match=r"raw\.t, column c: double has no exact form .* double precision or text"
    ):
        pipeline.run(table)
    assert pipeline.query("SELECT to_regclass('raw.t')") == [(None,)]
