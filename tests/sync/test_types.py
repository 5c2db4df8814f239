import pytest

from sync.errors import SyncError
from sync.types import PgType, parse_type


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
