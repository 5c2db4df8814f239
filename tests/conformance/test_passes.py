"""Passes that are killed, cut off or meet another one leave production whole, and the next ends equal."""

from __future__ import annotations

import random
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from sync.warehouses.changes import LoadMode
from tests.conformance.killing import Victim
from tests.conformance.kits import KITS
from tests.conformance.shop import DELTA, TABLES, TOTALS, VIEWS, Contents, Shop
from tests.integration.killing import TRANSIENT
from tests.integration.stress import LONG
from tests.integration.wire import Wire

KILLS = 48 if LONG else 8  # of each kind; the steps between them depend on how many a pass has

# Whether a warehouse can hash has nothing to do with what a killed pass leaves.
pytestmark = pytest.mark.parametrize("kit", sorted(KITS.keys() - {"by_value"}), indirect=True)


@pytest.fixture
def victim(shop: Shop, staging_url: str) -> Iterator[Victim]:
    with Wire(urlsplit(shop.kit.url).port or 0) as wire:
        yield Victim(staging_url, shop.kit, wire)


def assert_ends_equal(shop: Shop) -> None:
    shop.mirror(publication=VIEWS)
    assert shop.is_equal()
    assert shop.wrong() == []
    again = shop.mirror(publication=VIEWS)
    assert all(table.mode is LoadMode.NOTHING for table in again.tables)
    assert not any(view.created or view.refreshed for view in again.views)
    found = shop.kit.rows(f'SELECT SUM("sales") FROM {shop.kit.table(TOTALS.name)}')
    assert int(found[0][0]) == len(shop.expected()[TABLES[0]])


def test_a_first_load_that_is_killed_at_any_step_is_done_again(shop: Shop, victim: Victim) -> None:
    assert victim.run() == 0
    steps, choose = victim.wire.steps, random.Random(3)
    for step in range(2, steps, max(1, steps // KILLS)):
        shop.kit.clear()
        victim.killed(step, choose.random() < 0.5)
        # No table is there in part: it is whole, or not to be seen.
        seen, expected = shop.actual(), shop.expected()
        assert all(rows in (expected[name], frozenset()) for name, rows in seen.items())
    assert_ends_equal(shop)


def test_a_pass_that_is_killed_at_any_step_changes_all_or_nothing(shop: Shop, victim: Victim) -> None:
    assert victim.run() == 0
    shop.change(DELTA)
    assert victim.run() == 0
    steps, choose = victim.wire.steps, random.Random(5)
    killed = 0
    for step in range(2, steps, max(1, steps // KILLS)):
        before = shop.actual()
        shop.change(DELTA)
        killed += victim.killed(step, choose.random() < 0.5)
        assert_whole(shop, before)
        assert_ends_equal(shop)
    assert killed >= KILLS // 2


def assert_whole(shop: Shop, before: Contents) -> None:
    assert shop.actual() in (before, shop.expected())


def test_a_connection_that_is_lost_at_any_step_is_worth_another_try(shop: Shop, victim: Victim) -> None:
    assert victim.run() == 0
    shop.change(DELTA)
    assert victim.run() == 0
    steps = victim.wire.steps
    for number, step in enumerate(range(2, steps, max(1, steps // KILLS))):
        before = shop.actual()
        shop.change(DELTA)
        assert victim.cut(step, by_server=bool(number % 2)) in (0, TRANSIENT)
        assert_whole(shop, before)
        assert_ends_equal(shop)


def test_an_answer_that_never_comes_at_any_step_leads_to_nothing_twice(shop: Shop, victim: Victim) -> None:
    assert victim.run() == 0
    shop.change(DELTA)
    assert victim.run() == 0
    steps, codes = victim.wire.steps, []
    for number, step in enumerate(range(2, steps, max(1, steps // KILLS))):
        before = shop.actual()
        shop.change(DELTA)
        codes.append(victim.lost(step, arrives=bool(number % 2)))
        assert_whole(shop, before)
        assert_ends_equal(shop)
    assert set(codes) <= {0, TRANSIENT}
    assert codes.count(TRANSIENT) >= KILLS // 2


def test_two_passes_at_once_do_not_interleave(shop: Shop, victim: Victim) -> None:
    shop.mirror(publication=VIEWS)
    for _ in range(2):
        shop.change(DELTA)
        passes = [victim.begin() for _ in range(2)]
        for process in passes:
            process.join()
        assert {process.exitcode for process in passes} <= {0, TRANSIENT}
        assert any(process.exitcode == 0 for process in passes)
        assert shop.is_equal()
    assert_ends_equal(shop)
