"""Every type of PostgreSQL as a source arrives exact, by a written mapping, or in quarantine."""

from __future__ import annotations

from contextlib import closing

import pytest

from sync.connections.postgresql import connect_postgresql
from sync.errors import SyncError
from sync.spec import Column, Table
from tests.integration.postgresql_support import Databases
from tests.integration.sync_support import query

# The source's type, what it becomes, and values of it.
TYPES: list[tuple[str, str, list[str]]] = [
    ("smallint", "smallint", ["-32768", "32767"]),
    ("integer", "integer", ["-2147483648", "7"]),
    ("bigint", "bigint", ["9223372036854775807", "0"]),
    ("numeric", "numeric", ["'NaN'", "'-Infinity'", "1.5000", "1e-40", "123456789012345678901234567890.1"]),
    ("numeric(12,2)", "numeric(12,2)", ["-1.50", "0"]),
    ("numeric(3,-2)", "numeric(3,-2)", ["12300"]),
    ("real", "real", ["'-0'", "0.1", "16777216", "'NaN'", "1e-45"]),
    ("double precision", "double precision", ["1.7976931348623157e308", "5e-324", "'-0'", "'-Infinity'"]),
    ("money", "numeric", ["1234.56", "-0.05"]),
    ("boolean", "boolean", ["true", "false"]),
    ("text", "text", [r"E'tab\t nl\n cr\r bs\\ \b\f\v'", "''", "'NULL'", r"E'\\N'", r"E'\\.'", "'😀 Ω'"]),
    ("varchar(10)", "character varying(10)", ["'trailing  '"]),
    ("char(5)", "character(5)", ["'ab'", "''"]),
    ('"char"', "text", ["'a'"]),
    ("name", "text", ["'pg_class'"]),
    ("bytea", "bytea", [r"'\x00ff5c09'", "''"]),
    ("date", "date", ["'0044-03-15 BC'", "'infinity'", "'5874897-12-31'"]),
    ("time(3)", "time(3) without time zone", ["'24:00:00'", "'23:59:59.999'"]),
    ("timetz", "time with time zone", ["'10:00:00.000001+05:30'"]),
    ("timestamp", "timestamp without time zone", ["'294276-12-31 23:59:59.999999'", "'-infinity'"]),
    ("timestamptz(2)", "timestamp(2) with time zone", ["'2024-10-27 02:30:00.25 Europe/Berlin'"]),
    ("interval", "interval", ["'1 year -2 mons 3 days -04:05:06.000007'", "'-178000000 years'"]),
    ("interval day to second(3)", "interval", ["'3 days 04:05:06.789'"]),
    ("uuid", "uuid", ["'A0EEBC99-9c0b-4ef8-bb6d-6bb9bd380a11'"]),
    ("json", "json", ["'{\"b\": 1.0,  \"a\": [1e400, null], \"a\": \"\\u0000\"}'"]),
    ("jsonb", "jsonb", ["'{\"b\": 1.00, \"a\": [123456789012345678901234567890]}'"]),
    ("jsonpath", "jsonpath", ["'$.a[*] ? (@ > 2)'"]),
    ("bit(3)", "bit(3)", ["B'101'"]),
    ("varbit(9)", "bit varying(9)", ["B'1'", "B''"]),
    ("inet", "inet", ["'10.0.0.1'", "'2001:db8::1/64'"]),
    ("cidr", "cidr", ["'10.0.0.0/8'"]),
    ("macaddr", "macaddr", ["'08:00:2b:01:02:03'"]),
    ("macaddr8", "macaddr8", ["'08:00:2b:01:02:03:04:05'"]),
    ("point", "point", ["'(0.1,-0)'"]),
    ("polygon", "polygon", ["'((0,0),(1,1),(2,0))'"]),
    ("circle", "circle", ["'<(1,2),3>'"]),
    ("tsvector", "tsvector", ["'''a b'':1A fat:2'"]),
    ("tsquery", "tsquery", ["'fat & !rat'"]),
    ("xml", "text", ["NULL"]),
    ("pg_lsn", "pg_lsn", ["'16/B374D848'"]),
    ("oid", "bigint", ["4294967295"]),
    ("xid", "bigint", ["'4294967295'"]),
    ("xid8", "numeric(20,0)", ["'18446744073709551615'"]),
    ("regclass", "text", ["'pg_class'"]),
    ("int4range", "int4range", ["'[1,5)'", "'empty'", "'(,)'"]),
    ("tstzrange", "tstzrange", ["'[2024-01-01 00:00+02,infinity]'"]),
    ("nummultirange", "nummultirange", ["'{[1.50,2),(3,)}'"]),
    ("integer[]", "integer[]", ["'{1,NULL,3}'", "'[0:1][2:3]={{1,2},{3,4}}'", "'{}'"]),
    ("text[]", "text[]", [r"""ARRAY[E'a"b\\c\n', 'NULL', '', NULL]"""]),
    ("varchar(3)[]", "character varying(3)[]", ["'{abc,d}'"]),
    ("money[]", "numeric[]", ["'{1.50,NULL}'"]),
    ("oid[]", "bigint[]", ["'{1,2}'"]),
    ("timestamptz[]", "timestamp with time zone[]", ["'{2024-01-01 00:00+02}'"]),
    ("mood", "text", [r"E'so\\so'", "'happy, very'"]),
    ("mood[]", "text[]", [r"ARRAY[E'so\\so', 'happy, very']::mood[]"]),
    ("positive", "numeric(8,2)", ["1.50"]),
    ("positive[]", "numeric(8,2)[]", ["'{1.50,2}'"]),
    ("pairs", "integer[]", ["'{1,2}'"]),
    ("pairs[]", "text", ["""ARRAY['{1,2}'::pairs, '{}'::pairs]"""]),
    ("place", "text", ["ROW('a b', 1)::place"]),
    ("place[]", "text", ["ARRAY[ROW('a,b', NULL)::place]"]),
    ("floats", "text", ["'[1.5,2]'"]),
    ("integer GENERATED ALWAYS AS (5 * 2) STORED", "integer", ["DEFAULT"]),
    ("integer GENERATED ALWAYS AS (5 * 3) VIRTUAL", "integer", ["DEFAULT"]),
    ("integer GENERATED ALWAYS AS IDENTITY", "integer", ["DEFAULT"]),
]  # fmt: skip
OWN_TYPES = r"""
    CREATE TYPE mood AS ENUM (E'so\\so', 'happy, very');
    CREATE DOMAIN cents AS numeric(8,2); CREATE DOMAIN positive AS cents CHECK (VALUE > 0);
    CREATE DOMAIN pairs AS integer[]; CREATE TYPE place AS (street text, number int);
    CREATE TYPE floats AS RANGE (subtype = float8);
"""


def test_every_type_becomes_its_natural_type_and_keeps_its_values(databases: Databases) -> None:
    columns = ", ".join(f"c{number} {type_}" for number, (type_, _, _) in enumerate(TYPES))
    rows = [
        ", ".join(values[min(row, len(values) - 1)] for _, _, values in TYPES)
        for row in range(max(len(values) for _, _, values in TYPES))
    ]
    databases.execute(
        OWN_TYPES,
        "SET extra_float_digits = 0",
        f"CREATE TABLE types (id integer PRIMARY KEY, {columns})",
        *(f"INSERT INTO types VALUES ({number}, {row})" for number, row in enumerate(rows)),
    )
    table = Table("types", "postgresql", "public", key=("id",))
    result = databases.run(table)
    assert (result.quarantined, result.rows) == (0, len(rows))
    assert databases.run(table).changed == 0

    types = databases.query(
        "SELECT format_type(atttypid, atttypmod) FROM pg_attribute"
        " WHERE attrelid = 'raw.types'::regclass AND attname LIKE 'c%' AND attnum > 0 ORDER BY attnum"
    )
    assert [name for (name,) in types] == [natural for _, natural, _ in TYPES]
    shown = ", ".join(
        f"c{number}{type_.replace('money', '::numeric') if 'money' in type_ else ''}::text"
        for number, (type_, _, _) in enumerate(TYPES)
    )
    setting = "SET TimeZone = 'UTC'; SET extra_float_digits = 1;"
    arrived = databases.query(f"{setting} SELECT {shown} FROM raw.types ORDER BY id")
    with closing(connect_postgresql(databases.source_url)) as connection, connection.cursor() as cursor:
        cursor.execute(f"{setting} SELECT {shown} FROM types ORDER BY id")
        sent = cursor.fetchall()
    for row, expected in zip(arrived, sent, strict=True):
        assert [pair for pair in zip(row, expected, strict=True) if pair[0] != pair[1]] == []


def test_null_is_null_in_every_type(databases: Databases) -> None:
    ordinary = [type_ for type_, _, _ in TYPES if "GENERATED" not in type_]
    columns = ", ".join(f"c{number} {type_}" for number, type_ in enumerate(ordinary))
    databases.execute(
        OWN_TYPES, f"CREATE TABLE nulls (id integer PRIMARY KEY, {columns})", "INSERT INTO nulls VALUES (1)"
    )
    databases.run(Table("nulls", "postgresql", "public", key=("id",)))
    everything = " AND ".join(f"c{number} IS NULL" for number in range(len(ordinary)))
    assert databases.query(f"SELECT {everything} FROM raw.nulls") == [(True,)]


# The source's type, a declared one, a value that it holds with its text, and one that it does not hold.
NARROWER = [
    ("numeric", "numeric(12,2)", "1.5000", "1.50", "1.2345"),
    ("numeric(12,4)", "numeric(12,2)", "'NaN'", "NaN", "1.2345"),
    ("numeric(12,0)", "integer", "5", "5", "3000000000"),
    ("bigint", "integer", "5", "5", "3000000000"),
    ("bigint", "numeric(3,-2)", "500", "500", "550"),
    ("text", "varchar(3)", "'abc'", "abc", "'abc '"),
    ("varchar(20)", "char(3)", "'ab'", "ab ", "'a '"),
    ("char(9)", "varchar(3)", "'ab'", "ab", "'abcd'"),
    ("timestamp", "timestamp(0)", "'2024-01-01 10:00'", "2024-01-01 10:00:00", "'2024-01-01 10:00:00.5'"),
    ("timestamptz", "timestamp(3)", "'2024-01-01 10:00+02'", "2024-01-01 08:00:00", "'2024-01-01 0:0:.1234'"),
    ("interval", "interval(0)", "'25:00:00'", "25:00:00", "'0.5 seconds'"),
    ("time", "time(2)", "'23:00:00.25'", "23:00:00.25", "'23:00:00.251'"),
    ("text", "jsonb", "'{\"a\": 1.50}'", '{"a": 1.50}', "'{oops'"),
    ("json", "jsonb", "'[1,  2]'", "[1, 2]", "'[\"\\u0000\"]'"),
    ("text", "uuid", "'A0EEBC99-9c0b-4ef8-bb6d-6bb9bd380a11'", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "''"),
    ("varbit", "varbit(2)", "B'10'", "10", "B'101'"),
]  # fmt: skip


def test_a_value_that_a_narrower_declared_type_would_bend_is_quarantined(databases: Databases) -> None:
    for number, (theirs, ours, fits, text, misfit) in enumerate(NARROWER):
        databases.execute(
            f"CREATE TABLE narrow{number} (id integer PRIMARY KEY, c {theirs})",
            f"INSERT INTO narrow{number} VALUES (1, {fits}), (2, {misfit}), (3, NULL)",
        )
        columns = (Column("id", "integer"), Column("c", ours))
        table = Table(f"narrow{number}", "postgresql", "public", ("id",), columns=columns)
        result = databases.run(table)
        assert (result.read, result.rows, result.quarantined) == (3, 2, 1), (theirs, ours)
        shown = "c" if ours.startswith("char") else "c::text"
        assert databases.query(f"SELECT id, {shown} FROM raw.narrow{number} ORDER BY id") == [
            (1, text),
            (3, None),
        ]
        assert databases.run(table).changed == 0
    rejected = databases.rejected()
    assert len(rejected) == len(NARROWER)
    assert all(key == "2" and "c" in reason for _, key, reason in rejected)


WIDER = [
    ("real", "double precision", "0.1", "0.10000000149011612"),
    ("smallint", "numeric", "5", "5"),
    ("date", "timestamp", "'2024-01-01'", "2024-01-01 00:00:00"),
    ("boolean", "text", "true", "true"),
    ("money", "text", "1234.5", "1234.50"),
    ("char(5)", "text", "'ab'", "ab"),
    ("integer[]", "text", "'{1,2}'", "{1,2}"),
    ("inet", "text", "'10.0.0.1'", "10.0.0.1/32"),
]


def test_a_wider_declared_type_holds_the_same_value(databases: Databases) -> None:
    theirs = ", ".join(f"c{number} {type_}" for number, (type_, _, _, _) in enumerate(WIDER))
    values = ", ".join(value for _, _, value, _ in WIDER)
    databases.execute(
        f"CREATE TABLE wide (id integer PRIMARY KEY, {theirs})", f"INSERT INTO wide VALUES (1, {values})"
    )
    columns = [Column("id", "integer")] + [
        Column(f"c{number}", ours) for number, (_, ours, _, _) in enumerate(WIDER)
    ]
    databases.run(Table("wide", "postgresql", "public", ("id",), columns=tuple(columns)))
    shown = ", ".join(f"{column.name}::text" for column in columns[1:])
    (arrived,) = databases.query(f"SELECT {shown} FROM raw.wide")
    assert list(arrived) == [text for _, _, _, text in WIDER]


REFUSED = [
    ("double precision", "numeric", "declare double precision or text"),
    ("numeric(9,2)", "integer", r"declare numeric\(9,2\) or text"),
    ("timestamp", "timestamptz", "declare timestamp without time zone or text"),
    ("integer[]", "bigint[]", r"declare integer\[\] or text"),
    ("money", "money", "declare numeric or text"),
]


def test_a_type_without_an_exact_form_is_refused_with_the_one_that_has_it(databases: Databases) -> None:
    for number, (theirs, ours, way_out) in enumerate(REFUSED):
        databases.execute(f"CREATE TABLE t{number} (id integer PRIMARY KEY, c {theirs})")
        columns = (Column("id", "integer"), Column("c", ours))
        table = Table(f"t{number}", "postgresql", "public", ("id",), columns=columns)
        with pytest.raises(SyncError, match=rf"raw\.t{number}, column c: .* has no exact form .* {way_out}"):
            databases.run(table)
    assert databases.query("SELECT to_regclass('raw.t0')") == [(None,)]


@pytest.mark.parametrize("setting", ["array_nulls = off", "quote_all_identifiers = on"])
def test_a_setting_of_either_database_does_not_change_what_arrives(
    setting: str, databases: Databases
) -> None:
    databases.execute("CREATE TABLE t (id int PRIMARY KEY, a text[])", "INSERT INTO t VALUES (1, '{a,NULL}')")
    for url in (databases.source_url, databases.target_url):
        query(url, f'ALTER DATABASE "{url.rpartition("/")[2]}" SET {setting}')
    for _ in range(2):
        result = databases.run(Table("t", "postgresql", "public", ("id",)))
        assert databases.query("SELECT a FROM raw.t") == [(["a", None],)]
    assert result.changed == 0
