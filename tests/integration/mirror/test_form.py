"""Production's tables take the form of staging's, at first and when it changes."""

from __future__ import annotations

import pytest

from sync.errors import SyncError
from sync.warehouses.changes import LoadMode
from tests.integration.mirror.small_star import (
    COUNTRY,
    CUSTOMER,
    FACT,
    SALES,
    TOTALS,
    SmallStar,
    counts,
    of,
    read,
)

CONSTRAINTS = """
SELECT conrelid::regclass::text, contype::text, pg_get_constraintdef(oid) FROM pg_constraint
WHERE connamespace IN ('star'::regnamespace, 'reports'::regnamespace) AND contype IN ('p', 'f')
ORDER BY 1, 2, 3
"""
INDEXES = """
SELECT tablename, substring(indexdef FROM 'USING (.*)') FROM pg_indexes
WHERE schemaname = 'star' AND indexname !~ 'pkey' ORDER BY 1, 2
"""
COLUMNS = """
SELECT attname, format_type(atttypid, atttypmod), attnotnull, col_description(attrelid, attnum)
FROM pg_attribute WHERE attrelid = '{}'::regclass AND attnum > 0 AND NOT attisdropped AND attname !~ '^_'
ORDER BY attname
"""


def same_columns(star: SmallStar) -> bool:
    return all(
        read(star.staging, COLUMNS.format(name)) == star.rows(COLUMNS.format(name))
        for name in (FACT, CUSTOMER, COUNTRY)
    )


def test_keys_indexes_and_comments_are_stagings(star: SmallStar) -> None:
    star.mirror()
    assert same_columns(star)
    assert star.rows(CONSTRAINTS) == read(star.staging, CONSTRAINTS)
    assert star.rows("SELECT obj_description('star.dim_country'::regclass)") == [("Countries",)]
    assert star.rows(INDEXES) == [
        ("dim_customer", "btree (customer_id, weight)"),
        ("fact_sales", "btree (country_key)"),
        ("fact_sales", "btree (customer_key)"),
        ("fact_sales", "btree (sold_at)"),
    ]


def test_what_was_dropped_in_production_comes_back(star: SmallStar) -> None:
    star.mirror()
    indexes, constraints = star.rows(INDEXES), star.rows(CONSTRAINTS)
    with star.production.cursor() as cursor:
        cursor.execute("DROP INDEX star.fact_sales_sold_at_idx")
        cursor.execute("DROP TABLE reports.sales_by_country")
        cursor.execute("ALTER TABLE star.dim_country DROP CONSTRAINT dim_country_pkey CASCADE")
        cursor.execute("COMMENT ON TABLE star.dim_country IS NULL")
    star.mirror()
    assert (star.rows(INDEXES), star.rows(CONSTRAINTS)) == (indexes, constraints)
    assert star.tables_are_equal()
    assert same_columns(star)


def test_what_production_has_beyond_staging_stays(star: SmallStar) -> None:
    star.mirror()
    with star.production.cursor() as cursor:
        cursor.execute("CREATE INDEX mine ON star.fact_sales (amount)")
        cursor.execute("ALTER TABLE star.dim_country ADD COLUMN note text")
        cursor.execute("UPDATE star.dim_country SET note = 'mine'")
    star.change("UPDATE star.dim_country SET country = 'X', _batch = {batch} WHERE country_key = 1")
    star.mirror()
    assert star.rows("SELECT country, note FROM star.dim_country WHERE country_key = 1") == [("X", "mine")]
    assert star.rows("SELECT to_regclass('star.mine')::text") == [("star.mine",)]


def test_a_new_column_is_followed_and_filled_also_where_no_batch_tells(star: SmallStar) -> None:
    star.mirror()
    star.change(
        """
        ALTER TABLE star.fact_sales ADD COLUMN "Näme %" text NOT NULL DEFAULT 'old';
        COMMENT ON COLUMN star.fact_sales."Näme %" IS 'Its name';
        UPDATE star.fact_sales SET "Näme %" = 'new', _batch = {batch} WHERE sale_key = 's1';
        """
    )
    result = star.mirror()
    assert of(result, FACT).mode is LoadMode.COMPARISON
    assert of(result, CUSTOMER).mode is LoadMode.NOTHING
    assert same_columns(star)
    assert star.tables_are_equal()


@pytest.mark.parametrize(
    ("old", "new", "value"),
    [
        ("numeric(14,2)", "numeric(20,4)", "7.1234"),
        ("numeric(14,2)", "text", "'seven'"),
        ("numeric(14,2)", "jsonb", """'{"a": 1}'"""),
        ("numeric(14,2)", "boolean", "true"),
    ],
)
def test_a_changed_type_is_followed(star: SmallStar, old: str, new: str, value: str) -> None:
    star.mirror([TOTALS, SALES] if "numeric" in new else [])
    star.change(
        f"""
        ALTER TABLE star.fact_sales DROP COLUMN amount;
        ALTER TABLE star.fact_sales ADD COLUMN amount {new} NOT NULL DEFAULT {value};
        """
    )
    star.mirror([TOTALS, SALES] if "numeric" in new else [])
    assert same_columns(star)
    assert star.tables_are_equal()


def test_a_changed_key_and_its_references_are_followed(star: SmallStar) -> None:
    star.mirror([SALES])
    star.change(
        """
        ALTER TABLE star.fact_sales DROP CONSTRAINT fact_sales_country_key_fkey;
        ALTER TABLE star.dim_country ALTER COLUMN country_key TYPE text USING 'k' || country_key;
        ALTER TABLE star.fact_sales ALTER COLUMN country_key TYPE text USING 'k' || country_key;
        ALTER TABLE star.fact_sales ADD FOREIGN KEY (country_key) REFERENCES star.dim_country;
        ALTER TABLE star.dim_customer ADD UNIQUE (customer_key, customer_id);
        ALTER TABLE star.fact_sales DROP CONSTRAINT fact_sales_pkey;
        ALTER TABLE star.fact_sales ALTER COLUMN sold_at SET NOT NULL;
        ALTER TABLE star.fact_sales ADD PRIMARY KEY (sale_key, sold_at);
        """
    )
    result = star.mirror([SALES])
    assert of(result, COUNTRY).mode is LoadMode.LOAD
    assert star.rows(CONSTRAINTS) == read(star.staging, CONSTRAINTS)
    assert same_columns(star)
    assert star.tables_are_equal()
    assert star.rows("SELECT count(*) FROM bi.sales") == [(100,)]


def test_a_column_that_staging_dropped_keeps_what_it_held(star: SmallStar) -> None:
    star.mirror()
    star.change(
        """
        ALTER TABLE star.dim_customer DROP COLUMN valid_from;
        INSERT INTO star.dim_customer (customer_key, customer_id, _batch) VALUES ('c11', 11, {batch});
        """
    )
    assert counts(star.mirror(), CUSTOMER) == (1, 0, 0)
    assert star.rows("SELECT count(*), count(valid_from) FROM star.dim_customer") == [(11, 10)]
    assert all(comparison.equal for comparison in star.verify())


def test_a_constraint_that_staging_loosened_is_loosened(star: SmallStar) -> None:
    star.mirror()
    star.change(
        """
        ALTER TABLE star.fact_sales DROP CONSTRAINT fact_sales_customer_key_fkey;
        ALTER TABLE star.dim_country ALTER COLUMN country DROP NOT NULL;
        UPDATE star.dim_country SET country = NULL, _batch = {batch} WHERE country_key = 1;
        UPDATE star.fact_sales SET customer_key = 'nobody', _batch = {batch} WHERE sale_key = 's1';
        """
    )
    star.mirror()
    assert star.tables_are_equal()


def test_a_change_that_somebody_elses_view_forbids_is_refused_by_name(star: SmallStar) -> None:
    star.mirror()
    with star.production.cursor() as cursor:
        cursor.execute("CREATE SCHEMA IF NOT EXISTS bi")
        cursor.execute("CREATE VIEW bi.mine AS SELECT amount FROM star.fact_sales")
    star.change("ALTER TABLE star.fact_sales ALTER COLUMN amount TYPE numeric(20,4)")
    before = star.versions()
    with pytest.raises(SyncError, match=r"production, star\.fact_sales: cannot alter type .* view"):
        star.mirror()
    assert star.versions() == before
