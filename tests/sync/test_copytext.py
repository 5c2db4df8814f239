import json

from hypothesis import given
from hypothesis import strategies as st

from sync.copytext import NULL, escape, fields_of, line, reject, unescape
from sync.spec import Column, Table

COLUMNS = (Column("a", "integer"), Column("b", "text"))


@given(st.lists(st.text(), min_size=1))
def test_any_text_survives_as_a_field_of_one_line(values: list[str]) -> None:
    row = line(escape(value) for value in values)
    assert row.count(b"\n") == 1
    assert [unescape(field) for field in fields_of(row)] == [value.encode() for value in values]


def test_null_and_the_text_that_looks_like_it_differ() -> None:
    assert unescape(NULL) is None
    assert unescape(escape("\\N")) == b"\\N"


def test_a_rejected_row_keeps_its_values_for_a_reader() -> None:
    fields = [b"7", b"tab\\tnul\0"]
    keyed = reject(Table("t", "mysql", "shop", ("a",)), COLUMNS, fields, "why", key_loadable=True)
    assert (keyed.key, keyed.key_text) == ((b"7",), "7")
    assert json.loads(keyed.raw) == {"a": "7", "b": "tab\tnul\0"}

    composite = reject(Table("t", "mysql", "shop", ("a", "b")), COLUMNS, fields, "why", key_loadable=False)
    assert (composite.key, json.loads(composite.key_text)) == (None, ["7", "tab\tnul\0"])

    other = reject(Table("t", "mysql", "shop", ()), COLUMNS, [b"8", NULL], "why", key_loadable=True)
    assert other.key is None
    assert len(other.key_text) == 64
