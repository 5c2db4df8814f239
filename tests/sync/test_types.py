import pytest

from sync.errors import SyncError
from sync.types import PgType, parse_type, widens


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("int8", PgType("bigint")),
        ("NUMERIC( 12 , 2 )", PgType("numeric", 12, 2)),
        ("decimal(9)", PgType("numeric", 9, 0)),
        ("numeric", PgType("numeric")),
        ("varchar(20)", PgType("character varying", 20)),
        ("char", PgType("character", 1)),
        ("timestamptz(3)", PgType("timestamptz", 3)),
        ("timestamp(3) with time zone", PgType("timestamptz", 3)),
        ("timestamp without time zone", PgType("timestamp")),
        ("double precision", PgType("double precision")),
        ("int4[][3]", PgType("integer[]")),
        ("timestamp(3) with time zone[]", PgType("timestamptz[]", 3)),
    ],
)
def test_spellings_of_a_type_are_one_type(text: str, parsed: PgType) -> None:
    assert parse_type(text) == parsed


@pytest.mark.parametrize("text", ["text[x]", '"My Type"', "", "numeric(1;DROP TABLE x)"])
def test_what_is_no_plain_type_name_is_refused(text: str) -> None:
    with pytest.raises(SyncError, match="is not one that rows can be copied into"):
        parse_type(text)


WIDER = [
    ("smallint", "integer"), ("integer", "bigint"), ("bigint", "numeric"), ("bigint", "numeric(20,0)"),
    ("smallint", "numeric(7,2)"), ("numeric(12,2)", "numeric(14,4)"), ("numeric(12,2)", "numeric"),
    ("char(3)", "char(4)"), ("char(3)", "varchar(3)"), ("varchar(3)", "varchar(4)"), ("varchar", "text"),
    ("varchar(3)", "varchar"), ("varchar(3)", "text"), ("char(3)", "text"), ("interval(0)", "interval"),
    ("timestamp(0)", "timestamp(3)"), ("timestamptz(3)", "timestamptz"), ("real", "double precision"),
]  # fmt: skip
NOT_WIDER = [
    ("integer", "smallint"), ("bigint", "numeric(18,0)"), ("integer", "numeric(11,2)"), ("integer", "text"),
    ("integer", "numeric(12,-2)"), ("numeric(12,2)", "numeric(14,5)"), ("numeric(12,2)", "numeric(14,1)"),
    ("numeric", "numeric(99,9)"), ("numeric(5,0)", "bigint"), ("varchar(4)", "varchar(3)"),
    ("varchar(3)", "char(9)"), ("text", "varchar"), ("text", "jsonb"), ("timestamp(3)", "timestamp(0)"),
    ("timestamp", "timestamptz"), ("date", "timestamp"), ("double precision", "real"), ("real", "numeric"),
    ("boolean", "smallint"), ("integer[]", "bigint[]"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new"), WIDER)
def test_a_type_is_widened_to_one_that_holds_all_of_it_and_not_back(old: str, new: str) -> None:
    assert widens(parse_type(old), parse_type(new))
    assert not widens(parse_type(new), parse_type(old))


@pytest.mark.parametrize(("old", "new"), NOT_WIDER)
def test_a_type_that_would_bend_a_value_widens_none(old: str, new: str) -> None:
    assert not widens(parse_type(old), parse_type(new))
