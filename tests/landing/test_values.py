"""A value is taken exactly or refused with a reason."""

from datetime import date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from landing.values import Date, FieldType, Integer, Money, Text, Timestamp


@pytest.mark.parametrize(
    ("type_", "text", "value"),
    [
        (Integer(), "7", 7),
        (Integer(), "-007", -7),
        (Integer(), str(2**63 - 1), 2**63 - 1),
        (Integer(32), "-2147483648", -(2**31)),
        (Money(), "230", Decimal("230.00")),
        (Money(), "+0.5", Decimal("0.50")),
        (Money(), "12.3400", Decimal("12.34")),
        (Money(), "9999999999.99", Decimal("9999999999.99")),
        (Text(), "NA", "NA"),
        (Date(), "2020-02-29", date(2020, 2, 29)),
        (Timestamp(), "2020-09-05 16:20:03", datetime(2020, 9, 5, 16, 20, 3)),
        (Timestamp(), "2020-09-05T16:20:03.000", datetime(2020, 9, 5, 16, 20, 3)),
    ],
)
def test_a_value_is_read_exactly(type_: FieldType, text: str, value: object) -> None:
    read = type_.parse(text)
    assert (read, type(read)) == (value, type(value))


@pytest.mark.parametrize(
    ("type_", "text", "reason"),
    [
        (Integer(), "6.0", "not a whole number"),
        (Integer(), "1_000", "not a whole number"),
        (Integer(), "٣", "not a whole number"),
        (Integer(), str(2**63), "more than 64 bits"),
        (Integer(), "9" * 5000, "more than 64 bits"),
        (Integer(32), "2147483648", "more than 32 bits"),
        (Money(), "12.345", "more than 2 decimals"),
        (Money(), "10000000000", "out of range"),
        (Money(), "1e3", "not a decimal number"),
        (Money(), "NaN", "not a decimal number"),
        (Money(), "$5", "not a decimal number"),
        (Text(3), "four", "longer than 3"),
        (Date(), "2019-02-29", "not a date"),
        (Date(), "01/02/2019", "not a date"),
        (Date(), "0999-01-01", "out of range"),
        (Timestamp(), "2020-09-05", "not a date and time"),
        (Timestamp(), "2020-09-05 24:00:01", "not a date and time"),
        (Timestamp(), "2020-09-05 16:20:03.5", "not a date and time"),
        (Timestamp(), "2020-09-05 16:20:03+02:00", "not a date and time"),
    ],
)
def test_what_a_type_cannot_hold_is_refused_with_the_reason(type_: FieldType, text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        type_.parse(text)


@given(st.integers(-(2**63), 2**63 - 1))
def test_every_whole_number_in_range_is_read_as_it_stands(number: int) -> None:
    assert Integer().parse(str(number)) == number


@given(st.decimals(-9_999_999_999, 9_999_999_999, places=2))
def test_every_amount_in_range_is_read_to_the_cent(amount: Decimal) -> None:
    assert Money().parse(f"{amount:f}") == amount
