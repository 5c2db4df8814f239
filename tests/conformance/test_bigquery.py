"""What BigQuery alone has: the fence within the script, tables in place before their pass is done."""

from __future__ import annotations

from contextlib import closing
from unittest.mock import Mock

import pytest

from sync.errors import LeaseLost
from sync.warehouses.bigquery.warehouse import ScriptSession, open_bigquery
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


def test_tables_of_a_first_load_that_ended_before_its_script_are_not_to_be_seen(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(ScriptSession, "transaction", Mock(side_effect=KeyboardInterrupt))
        shop.mirror()
    assert shop.kit.rows('SELECT COUNT(*) FROM "star"."dim_country"') == [(len(shop.expected()[COUNTRY]),)]
    assert shop.actual() == {}
    assert all(comparison.obstacle for comparison in shop.verify())
    shop.mirror()
    assert shop.is_equal()
