"""What Db2 holds in another form than staging is the same to the verification."""

from __future__ import annotations

import pytest

from sync.warehouses.schema import TableName
from tests.conformance.shop import Shop

TABLE = TableName("star", "measured")


@pytest.mark.parametrize("kit", ["db2"], indirect=True)
def test_a_numeric_without_a_scale_is_equal_whatever_zeros_it_ends_in(bare: Shop) -> None:
    bare.change(
        """
        CREATE TABLE star.measured (id bigint PRIMARY KEY, size numeric, _batch bigint, _deleted boolean);
        INSERT INTO star.measured VALUES (1, 11.60, {batch}, false), (2, -0.5, {batch}, false),
            (3, 42, {batch}, false), (4, NULL, {batch}, false), (5, 1.1234567890123, {batch}, false);
        """
    )
    (result,) = bare.mirror([TABLE]).tables
    assert (result.rows, result.rejected) == (4, 1)
    assert bare.wrong([TABLE]) == []
    bare.kit.execute(f'UPDATE {bare.kit.table(TABLE)} SET "size" = 11.61 WHERE "id" = 1')
    assert "id=1 differs" in bare.wrong([TABLE])[0]
