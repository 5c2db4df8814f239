"""A pass that took too long meets the one that took over from it."""

from __future__ import annotations

from contextlib import closing

import pytest

from sync.connections.postgresql import connect_postgresql
from sync.errors import LeaseLost
from sync.warehouses.dbapi.staging import StagedTable
from tests.conformance.shop import DELTA, Shop

# Those whose work tables a newer pass drops: BigQuery's go by themselves, PostgreSQL's with their session.
pytestmark = pytest.mark.parametrize("kit", ["db2", "generic", "redshift", "snowflake"], indirect=True)


def test_a_pass_whose_work_tables_a_newer_one_dropped_says_so(
    shop: Shop, staging_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.mirror()
    shop.change(DELTA)
    make, overtaken = StagedTable.make, False

    def make_and_be_overtaken(staged: StagedTable) -> None:
        nonlocal overtaken
        make(staged)
        if not overtaken:
            overtaken = True
            with closing(connect_postgresql(staging_url)) as staging:
                Shop(staging, shop.kit).mirror()

    monkeypatch.setattr(StagedTable, "make", make_and_be_overtaken)
    with pytest.raises(LeaseLost, match="a newer pass has taken over"):
        shop.mirror()
    assert overtaken
    assert shop.is_equal()
    assert shop.wrong() == []
