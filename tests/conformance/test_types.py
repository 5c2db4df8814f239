"""Every logical type at its extremes: a value arrives exactly, or its row is in quarantine with the reason,
or the type is refused by name."""

from __future__ import annotations

from contextlib import closing

import pytest

from sync.errors import SyncError
from sync.warehouses.schema import TableName
from tests.conformance.shop import Shop, of

TABLE = TableName("star", "typed")
VALUES: dict[str, tuple[str, ...]] = {
    "smallint": ("-32768", "32767", "0"),
    "integer": ("-2147483648", "2147483647"),
    "bigint": ("-9223372036854775808", "9223372036854775807"),
    "numeric(12,2)": ("-9999999999.99", "0.00", "0.10"),
    "numeric(18,0)": ("999999999999999999",),
    "numeric(31,10)": ("-999999999999999999999.9999999999", "0.0000000001"),
    "real": ("3.4028235e+38", "1e-45", "-0", "0.1"),
    "double precision": ("1.7976931348623157e+308", "5e-324", "-0", "0.1", "-2.5", "NaN", "Infinity"),
    "boolean": ("true", "false"),
    "date": ("0001-01-01", "9999-12-31", "2024-02-29", "infinity", "0044-03-15 BC"),
    "timestamp(6)": ("0001-01-01 00:00:00", "9999-12-31 23:59:59.999999", "1969-12-31 23:59:59.000001"),
    "timestamptz": ("2024-03-31 02:30:00+02", "1900-01-01 00:00:00.5+00", "-infinity"),
    "text": ("", " ", "a ", "A", "NULL", "\\N", "tab\tline\nquote'\"back\\slash", "😀 e\u0301", "\x01",
             "x" * 5000),
    "character varying(20)": ("", "ÄÖÜ", "twenty characters ..."[:20]),
    "bytea": ("\\x", "\\x00ff0a5c27", "\\x" + "ab" * 3000),
    "jsonb": ('{"a": [1, null, "ä"], "b": 1.0}', "null", '"text"'),
    "uuid": ("00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"),
}  # fmt: skip


@pytest.mark.parametrize("type_", VALUES)
def test_values_arrive_exactly_or_are_named(bare: Shop, type_: str) -> None:
    bare.change(
        f"CREATE TABLE star.typed (id bigint PRIMARY KEY, v {type_}, _batch bigint, _deleted boolean)"
    )
    values = [*VALUES[type_], None]
    with bare.staging.cursor() as cursor:
        cursor.execute("SET TimeZone = 'UTC'")
        for number, value in enumerate(values):
            cursor.execute(
                f"INSERT INTO star.typed VALUES (%s, %s::text::{type_}, sync.next_batch(), false)",
                (number, value),
            )
    try:
        result = bare.mirror([TABLE])
    except SyncError as refusal:
        assert "star.typed" in str(refusal) and type_ in str(refusal)
        assert bare.kit.refuses(type_)
        return
    assert not bare.kit.refuses(type_)
    rejected = of(result, TABLE).rejected
    with closing(bare.kit.open()) as warehouse, warehouse.reader() as reader:
        keys = {key[0] for key in reader.rejected([TABLE]).get(TABLE, ())}
    assert len(keys) == rejected
    assert rejected < len(values) // 2
    expected = {row for row in bare.expected([TABLE])[TABLE] if row[0] not in keys}
    assert bare.kit.normalized(bare.actual([TABLE])[TABLE]) == bare.kit.normalized(expected)
    (comparison,) = bare.verify([TABLE])
    assert comparison.equal, comparison
    assert comparison.rejected == rejected
    assert all(not table.changed for table in bare.mirror([TABLE], compare=True).tables)
