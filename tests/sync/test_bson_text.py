from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from bson import Binary, Decimal128, Int64, ObjectId
from bson.datetime_ms import DatetimeMS
from hypothesis import given
from hypothesis import strategies as st

from sync.sources.mongodb.bson_text import document_json, id_text, timestamp_text

scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-(1 << 63), (1 << 63) - 1), st.floats(allow_nan=False), st.text(),
    st.sampled_from(["", "int:1", "bool:true", "string:int:1", "0" * 24, "json:null", "date:", "double:1.0"]),
    st.binary(min_size=12, max_size=12).map(ObjectId), st.binary().map(Binary),
    st.decimals(places=3, min_value=-9999, max_value=9999).map(Decimal128),
)  # fmt: skip


def same_id(left: Any, right: Any) -> bool:
    """Whether two values are of one type and equal."""
    return type(left) is type(right) and repr(left) == repr(right)


@given(scalars, scalars)
def test_two_ids_have_one_text_only_when_they_are_the_same(left: Any, right: Any) -> None:
    assert (id_text(left) == id_text(right)) == same_id(left, right)


def test_the_usual_ids_read_plainly() -> None:
    assert id_text(ObjectId("0123456789abcdef01234567")) == "0123456789abcdef01234567"
    assert id_text("SKU-7: red") == "SKU-7: red"
    assert id_text(Int64(7)) == id_text(7) == "int:7"


@given(st.datetimes(min_value=datetime(1, 1, 1), max_value=datetime(9999, 12, 31)))
def test_dates_from_milliseconds_are_those_of_the_calendar(when: datetime) -> None:
    when = when.replace(microsecond=when.microsecond // 1000 * 1000, tzinfo=UTC)
    milliseconds = (when - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    year, rest = timestamp_text(DatetimeMS(milliseconds)).split("-", 1)
    assert int(year) == when.year
    assert rest == when.strftime("%m-%d %H:%M:%S.") + f"{when.microsecond // 1000:03}+00"


def test_dates_before_the_year_one_have_their_era() -> None:
    assert timestamp_text(DatetimeMS(-62_135_596_800_001)) == "0001-12-31 23:59:59.999+00 BC"


@given(
    st.recursive(
        st.floats() | st.none() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_no_double_is_lost_in_a_document(value: Any) -> None:
    assert repr(_untag(orjson.loads(document_json(value)))) == repr(value)


def _untag(value: Any) -> Any:
    if isinstance(value, dict):
        if list(value) == ["$numberDouble"]:
            return float(value["$numberDouble"])
        return {name: _untag(inner) for name, inner in value.items()}
    return [_untag(inner) for inner in value] if isinstance(value, list) else value
