import pytest

from sync.spec import Column, SpecError, Strategy, Table


def make(**overrides: object) -> Table:
    return Table(**{"name": "orders", "source": "mysql", "database": "shop", "key": ("id",), **overrides})


@pytest.mark.parametrize(
    ("overrides", "complaint"),
    [
        ({"strategy": Strategy.WATERMARK}, "needs a key and a cursor"),
        ({"strategy": Strategy.LOG, "key": ()}, "cannot follow the log"),
        ({"columns": (Column("a", "text"), Column("a", "text")), "key": ("a",)}, "declared twice"),
        ({"columns": (Column("a", "text"),)}, "'id' is not among its columns"),
        ({"exclude": frozenset({"id"})}, "cannot be excluded"),
        ({"document": "whole", "exclude": frozenset({"a", "a.b"})}, "'a.b' lies inside 'a'"),
        ({"document": "whole", "exclude": frozenset({"a."})}, "leaves out no field 'a.'"),
        ({"document": "whole", "exclude": frozenset({"a.$b"})}, r"leaves out no field 'a\.\$b'"),
        ({"history": True, "key": ()}, "change log needs a key"),
        ({"optional": True}, "has to declare its columns"),
        ({"adopt": True}, "ignores deletes"),
        ({"max_rejected_share": 2.0}, "between 0 and 1"),
        ({"zero_date": "NULL"}, "zero_date is 'null' or a date"),
        ({"zero_date": "null", "columns": (Column("id", "date"),)}, "declare zero_date with those"),
        ({"columns": (Column("id", "date", zero_date="null"),)}, "key column 'id' takes no NULL"),
        ({"strategy": Strategy.APPEND}, "has the key object_name, object_line"),
        ({"strategy": Strategy.LATEST}, "takes a key, and the columns OBJECT_COLUMNS"),
        ({"deleted_by": "gone"}, "deleted_by is a column of a table with strategy latest"),
    ],
)
def test_a_declaration_that_contradicts_itself_is_refused_when_it_is_made(
    overrides: dict[str, object], complaint: str
) -> None:
    with pytest.raises(SpecError, match=complaint):
        make(**overrides)


def test_a_masked_column_has_to_be_text() -> None:
    with pytest.raises(SpecError, match="column birthday: a masked column is a hash"):
        Column("birthday", "date", mask=True)


@pytest.mark.parametrize(
    ("type_", "zero_date", "complaint"),
    [
        ("text", "null", "for dates and timestamps, not for text"),
        ("time", "2000-01-01", "for dates and timestamps, not for time"),
        ("date", "0000-00-00", "not '0000-00-00'"),
        ("timestamp(3)", "NULL", "not 'NULL'"),
        ("timestamptz", "20000101", "not '20000101'"),
        ("date", "", "not ''"),
    ],
)
def test_a_zero_date_becomes_null_or_a_date(type_: str, zero_date: str, complaint: str) -> None:
    with pytest.raises(SpecError, match=f"column day: .*{complaint}"):
        Column("day", type_, zero_date=zero_date)
    assert Column("day", "date", zero_date="2000-01-01").zero_date == "2000-01-01"


def test_names_default_to_the_sources_own() -> None:
    assert make().source_name == "orders"
    assert make(source_table="Orders", schema="raw").qualified == "raw.orders"
