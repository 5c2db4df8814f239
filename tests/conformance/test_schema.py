"""Production's tables follow staging's schema: columns, types, keys; what cannot be followed is refused."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from itertools import chain, islice, repeat
from unittest.mock import Mock

import pytest

from sync.errors import SyncError
from sync.warehouses.changes import LoadMode
from sync.warehouses.dbapi.session import DbApiSession
from sync.warehouses.schema import TableName, TableSchema
from tests.conformance.shop import COUNTRY, CUSTOMER, FACT, SALES, TABLES, VIEWS, Shop, counts, of


def test_a_new_column_is_followed_and_filled_also_where_no_batch_tells(shop: Shop) -> None:
    shop.mirror()
    shop.change("ALTER TABLE star.fact_sales ADD COLUMN note varchar(20) NOT NULL DEFAULT 'old'")
    result = shop.mirror()
    assert of(result, FACT).mode is LoadMode.COMPARISON
    assert of(result, CUSTOMER).mode is LoadMode.NOTHING
    assert counts(result, FACT) == (0, 100, 0)
    assert shop.is_equal()
    assert all(table.mode is LoadMode.NOTHING for table in shop.mirror().tables)


@pytest.mark.parametrize(
    "change",
    [
        "ALTER COLUMN amount TYPE numeric(20,4)",
        "ALTER COLUMN amount TYPE varchar(30) USING 'about ' || amount",
        "ALTER COLUMN sale_key TYPE varchar(60)",
    ],
)
def test_another_type_is_followed(shop: Shop, change: str) -> None:
    shop.mirror(publication=VIEWS)
    shop.change(f"ALTER TABLE star.fact_sales {change}")
    publication = VIEWS if "numeric" in change or "sale_key" in change else None
    shop.mirror(publication=publication)
    assert shop.is_equal()
    assert shop.wrong() == []
    shop.change("UPDATE star.fact_sales SET customer_key = NULL, _batch = {batch} WHERE sale_key = 's1'")
    assert counts(shop.mirror(publication=publication), FACT) == (0, 1, 0)
    assert shop.is_equal()


def test_another_key_and_its_references_are_followed(shop: Shop) -> None:
    shop.mirror(publication=VIEWS)
    shop.change(
        """
        ALTER TABLE star.fact_sales DROP CONSTRAINT fact_sales_country_key_fkey;
        ALTER TABLE star.dim_country ALTER COLUMN country_key TYPE varchar(20) USING 'k' || country_key;
        ALTER TABLE star.fact_sales ALTER COLUMN country_key TYPE varchar(20) USING 'k' || country_key;
        ALTER TABLE star.fact_sales ADD FOREIGN KEY (country_key) REFERENCES star.dim_country;
        ALTER TABLE star.fact_sales ALTER COLUMN sold_at SET NOT NULL;
        ALTER TABLE star.fact_sales DROP CONSTRAINT fact_sales_pkey;
        ALTER TABLE star.fact_sales ADD PRIMARY KEY (sale_key, sold_at);
        """
    )
    result = shop.mirror(publication=VIEWS)
    assert of(result, COUNTRY).mode is LoadMode.LOAD
    assert of(result, FACT).mode is LoadMode.LOAD
    assert shop.is_equal()
    assert len(shop.kit.rows(f"SELECT * FROM {shop.kit.table(SALES.name)}")) == 100
    assert all(table.mode is LoadMode.NOTHING for table in shop.mirror(publication=VIEWS).tables)


def test_a_column_that_staging_dropped_is_no_obstacle(shop: Shop) -> None:
    shop.mirror()
    shop.change(
        """
        ALTER TABLE star.dim_customer DROP COLUMN valid_from;
        INSERT INTO star.dim_customer (customer_key, customer_id, _batch) VALUES ('c11', 11, {batch});
        """
    )
    assert counts(shop.mirror(), CUSTOMER) == (1, 0, 0)
    assert shop.wrong() == []


def test_not_null_that_staging_loosened_is_loosened(shop: Shop) -> None:
    shop.mirror()
    shop.change(
        """
        ALTER TABLE star.dim_country ALTER COLUMN country DROP NOT NULL;
        UPDATE star.dim_country SET country = NULL, _batch = {batch} WHERE country_key = 1;
        """
    )
    shop.mirror()
    assert shop.is_equal()


def test_a_table_dropped_in_production_comes_back(shop: Shop) -> None:
    shop.mirror()
    shop.kit.execute(f"DROP TABLE {shop.kit.table(FACT)}")
    assert shop.wrong()[0] == "star.fact_sales: it is not in production: mirror it first"
    shop.mirror()
    assert shop.is_equal()


def test_a_type_that_nobody_can_carry_is_refused_by_name(bare: Shop) -> None:
    odd = TableName("star", "odd")
    bare.change(
        """
        CREATE TYPE star.mood AS ENUM ('fine');
        CREATE TABLE star.odd (a bigint PRIMARY KEY, b star.mood, _batch bigint, _deleted boolean);
        """
    )
    with pytest.raises(SyncError, match=r"star\.odd.*(b|mood)"):
        bare.mirror([odd])


def test_tables_that_are_there_are_told_from_those_that_are_not(shop: Shop) -> None:
    assert [str(comparison) for comparison in shop.verify()] == [
        f"{name}: it is not in production: mirror it first" for name in TABLES
    ]


def mirror_in_passes_that_end(shop: Shop, monkeypatch: pytest.MonkeyPatch, notes: Iterator[int]) -> None:
    """Mirror in passes that end instead of noting more of what they defined than as often as `notes` has it,
    a number for each pass, until one comes to its end."""
    note, left = DbApiSession._remember, 0

    def ends(session: DbApiSession, *schemas: TableSchema) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise RuntimeError("ended here")
        note(session, *schemas)

    with monkeypatch.context() as patch:
        patch.setattr(DbApiSession, "_remember", ends)
        for allowed in islice(notes, 20):  # more passes than there is to note
            left = allowed
            try:
                shop.mirror()
                return
            except RuntimeError:
                continue
    pytest.fail("no pass came further than the one before")


def test_what_a_pass_added_that_ended_before_it_was_noted_is_not_in_the_way(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror_in_passes_that_end(shop, monkeypatch, repeat(1))
    assert shop.is_equal()
    assert shop.wrong() == []


def test_what_a_pass_changed_that_ended_before_it_was_noted_is_not_in_the_way(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.mirror()
    shop.change(
        """
        ALTER TABLE star.dim_customer ALTER COLUMN customer_key TYPE varchar(60);
        ALTER TABLE star.fact_sales ALTER COLUMN customer_key TYPE varchar(60);
        ALTER TABLE star.dim_country ALTER COLUMN country DROP NOT NULL;
        """
    )
    mirror_in_passes_that_end(shop, monkeypatch, chain([0], repeat(1)))
    assert shop.is_equal()
    assert shop.wrong() == []
    shop.change("UPDATE star.dim_country SET country = NULL, _batch = {batch} WHERE country_key = 2")
    assert counts(shop.mirror(), COUNTRY) == (0, 1, 0)


@pytest.mark.parametrize("step", ["_define", "transaction"])
def test_a_column_is_filled_whose_pass_ended_before_its_rows(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    shop.mirror()
    shop.change("ALTER TABLE star.fact_sales ADD COLUMN note varchar(20) NOT NULL DEFAULT 'old'")
    with monkeypatch.context() as patch, suppress(KeyboardInterrupt):
        patch.setattr(DbApiSession, step, Mock(side_effect=KeyboardInterrupt))
        shop.mirror()
    shop.mirror()
    assert shop.is_equal()
    assert shop.wrong() == []


@pytest.mark.parametrize("kit", ["generic"], indirect=True)
def test_a_column_of_somebody_elses_is_not_taken_for_one_of_staging(shop: Shop) -> None:
    shop.mirror()
    shop.kit.execute("ALTER TABLE star.dim_country ADD COLUMN region integer")
    shop.change("ALTER TABLE star.dim_country ADD COLUMN region varchar(20)")
    with pytest.raises(SyncError, match=r"star\.dim_country: there is a column region .* rename it"):
        shop.mirror()
    shop.kit.execute("ALTER TABLE star.dim_country DROP COLUMN region")
    shop.mirror()
    assert shop.is_equal()
