"""The short ways from a BSON value to a field say the same as the exact one."""

from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from bson import Binary, Decimal128, Int64, ObjectId
from bson.datetime_ms import DatetimeMS
from hypothesis import example, given
from hypothesis import strategies as st

from sync.copytext import NULL, escape
from sync.sources.mongodb.bson_fields import field_of, fields_of
from sync.sources.mongodb.bson_text import id_text
from sync.sources.mongodb.bson_types import MisfitError, converter

TYPES = [
    "text", "varchar(3)", "smallint", "integer", "bigint", "numeric", "numeric(5,2)", "numeric(2,2)",
    "numeric(4,-2)", "real", "double precision", "boolean", "timestamptz", "timestamp(0)", "date", "jsonb",
    "json", "bytea", "uuid",
]  # fmt: skip
milliseconds = st.integers(-(1 << 47), 1 << 47).map(DatetimeMS)
values = st.one_of(
    st.booleans(), st.integers(-(1 << 63), (1 << 63) - 1), st.integers(-(1 << 63), (1 << 63) - 1).map(Int64),
    st.integers(-200_000, 200_000), st.floats(), st.integers(-10**6, 10**6).map(lambda n: n / 100), st.text(),
    st.text(alphabet="a\\\t\n\0é"), milliseconds, st.binary(min_size=12, max_size=12).map(ObjectId),
    st.binary().map(Binary), st.integers(-(1 << 45), 1 << 45).map(lambda n: DatetimeMS(n).as_datetime()),
    st.dictionaries(st.text(), st.text() | st.floats() | st.none()),
)  # fmt: skip


def outcome(function: Any, value: Any) -> Any:
    try:
        return function(value)
    except MisfitError as error:
        return str(error)


@pytest.mark.parametrize("type_", TYPES)
@given(value=values)
@example(value=0.0)
@example(value=-0.0)
@example(value=999.995)
@example(value=1e16)
@example(value=1.5e-7)
@example(value=datetime(1969, 12, 31, 23, 59, 59, 999000))
def test_a_short_way_writes_what_the_exact_one_does(type_: str, value: Any) -> None:
    exact = converter(type_)
    wanted = outcome(lambda each: escape(exact(each)), value)
    assert outcome(field_of(type_), value) == wanted


@pytest.mark.parametrize("type_", ["text", "numeric", "jsonb", "json"])
@given(several=st.lists(values | st.none()))
@example(several=["plain", "a\\", -0.0, None, float("nan"), {"a": None}])
@example(several=["plain", "\0"])
def test_many_values_are_written_as_each_of_them(type_: str, several: list[Any]) -> None:
    field = field_of(type_)
    wanted = outcome(lambda each: list(map(field, each)), several)
    assert outcome(fields_of(type_), several) == wanted


@given(value=values)
@example(value="int:1")
@example(value=Int64(7))
@example(value=True)
def test_an_id_is_written_as_its_text(value: Any) -> None:
    wanted = id_text(value)
    if "\0" not in wanted:
        assert field_of("text", is_id=True)(value) == escape(wanted)


@pytest.mark.parametrize("type_", TYPES)
def test_null_is_null_in_every_type_but_an_id(type_: str) -> None:
    assert field_of(type_)(None) == NULL
    assert field_of("text", is_id=True)(None) == b"json:null"


DIGITS = "1.234567890123456789012345678901234"


@pytest.mark.parametrize(
    ("type_", "value", "written"),
    [
        ("numeric", Decimal128(DIGITS), DIGITS),
        ("numeric(40,33)", Decimal128(DIGITS), DIGITS),
        ("numeric(40,32)", Decimal128(DIGITS), None),
        ("numeric(2,2)", 0.0, "0"),
        ("numeric(4,-2)", 1200, "1200"),
        ("numeric(4,-2)", 1250, None),
        ("numeric", Decimal128("1E+6144"), "1" + "0" * 6144),
        ("numeric", Decimal128("-1E-6176"), f"-0.{'0' * 6175}1"),
        ("numeric", Decimal128("NaN"), None),
        ("numeric", Decimal128("-Infinity"), None),
        ("bigint", Decimal128("5.00"), "5"),
        ("bigint", Decimal128("1E+6144"), None),
        ("double precision", Decimal128("NaN"), "NaN"),
        ("double precision", Decimal128("-Infinity"), "-Infinity"),
        ("double precision", Decimal128(Decimal("sNaN")), None),
        ("double precision", Decimal128("0.1"), None),
        ("double precision", float("inf"), "Infinity"),
        ("double precision", -0.0, "-0.0"),
        ("double precision", 5e-324, "5e-324"),
        ("real", 0.1, None),
        ("uuid", Binary(bytes(16), 4), "0" * 32),
        ("uuid", Binary(bytes(16), 3), None),
    ],
)
def test_a_number_at_the_edge_is_exact_or_refused(type_: str, value: Any, written: str | None) -> None:
    found = outcome(field_of(type_), value)
    assert found == written.encode() if written else "cannot be stored as" in found
