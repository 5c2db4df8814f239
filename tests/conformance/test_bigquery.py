"""What BigQuery alone has: the fence within the script."""

from __future__ import annotations

from contextlib import closing

import pytest

from sync.errors import LeaseLost
from sync.warehouses.bigquery.warehouse import open_bigquery
from tests.conformance.shop import COUNTRY, TABLES, Shop

pytestmark = pytest.mark.parametrize("kit", ["bigquery"], indirect=True)


def test_whoever_lost_the_lease_writes_nothing(shop: Shop) -> None:
    shop.mirror()
    with (
        closing(open_bigquery(shop.kit.url)) as warehouse,
        pytest.raises(LeaseLost),
        warehouse.session("late") as session,
    ):
        shop.kit.execute('UPDATE "sync"."leases" SET "token" = "token" + 1')
        with session.transaction():
            session._own.run(f"DELETE FROM {session._dialect.table(COUNTRY)} WHERE TRUE")
    assert shop.is_equal(TABLES)
