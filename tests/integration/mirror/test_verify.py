"""Production compared with staging, on real servers."""

from __future__ import annotations

import pytest

from sync.warehouses.comparison import Discrepancy, TableComparison
from sync.warehouses.verify import verify_view
from tests.integration.mirror.small_star import COUNTRY, CUSTOMER, FACT, REPORT, TABLES, TOTALS, SmallStar


@pytest.fixture(autouse=True)
def mirrored(star: SmallStar) -> None:
    star.mirror()


def in_production(star: SmallStar, *statements: str) -> None:
    with star.production.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def red(comparisons: list[TableComparison]) -> dict[str, list[str]]:
    """The tables that differ and their rows that are named."""
    return {
        str(comparison.table): [str(row) for row in comparison.first]
        for comparison in comparisons
        if not comparison.equal
    }


def test_a_mirrored_star_is_equal(star: SmallStar) -> None:
    comparisons = star.verify()
    assert [comparison.table for comparison in comparisons] == list(TABLES)
    assert [comparison.rows for comparison in comparisons] == [(100, 100), (10, 10), (4, 4), (4, 4)]
    assert red(comparisons) == {}
    assert str(comparisons[0]) == "star.fact_sales: 100 rows are equal"


def test_rows_changed_behind_the_platforms_back_are_named_with_their_table(star: SmallStar) -> None:
    in_production(
        star,
        "UPDATE star.fact_sales SET amount = amount + 0.01 WHERE sale_key = 's42'",
        "DELETE FROM star.fact_sales WHERE sale_key = 's43'",
        "INSERT INTO star.dim_country VALUES (99, 99, 'Nowhere')",
    )
    assert red(star.verify()) == {
        "star.fact_sales": ["sale_key=s42 differs", "sale_key=s43 is missing"],
        "star.dim_country": ["country_key=99 should not be there"],
    }


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE star.fact_sales SET price = price::numeric(10,1) WHERE sale_key = 's1'",
        "UPDATE star.fact_sales SET price = NULL WHERE sale_key = 's1'",
        "UPDATE star.fact_sales SET sold_at = sold_at + interval '1 microsecond' WHERE sale_key = 's1'",
    ],
)
def test_a_scale_a_null_and_a_microsecond_count_as_differences(star: SmallStar, change: str) -> None:
    in_production(star, change)
    assert red(star.verify()) == {"star.fact_sales": ["sale_key=s1 differs"]}


def test_a_negative_zero_and_an_empty_text_count_as_differences(star: SmallStar) -> None:
    star.change(
        """
        UPDATE star.dim_customer SET weight = 0, _batch = {batch} WHERE customer_key = 'c1';
        UPDATE star.dim_customer SET "e-mail" = NULL, _batch = {batch} WHERE customer_key = 'c2';
        """
    )
    star.mirror()
    assert red(star.verify()) == {}
    in_production(
        star,
        "UPDATE star.dim_customer SET weight = '-0' WHERE customer_key = 'c1'",
        "UPDATE star.dim_customer SET \"e-mail\" = '' WHERE customer_key = 'c2'",
    )
    assert red(star.verify()) == {"star.dim_customer": ["customer_key=c1 differs", "customer_key=c2 differs"]}


def test_two_rows_that_swapped_their_values_differ(star: SmallStar) -> None:
    in_production(
        star,
        "UPDATE star.fact_sales SET amount = CASE sale_key WHEN 's1' THEN 4 ELSE 2 END"
        " WHERE sale_key IN ('s1', 's2')",
    )
    assert red(star.verify()) == {"star.fact_sales": ["sale_key=s1 differs", "sale_key=s2 differs"]}


def test_a_staging_that_moved_on_is_no_difference(star: SmallStar) -> None:
    star.change(
        """
        UPDATE star.fact_sales SET amount = 0, _batch = {batch} WHERE sale_key IN ('s1', 's2');
        UPDATE star.fact_sales SET _deleted = true, _batch = {batch} WHERE sale_key = 's3';
        INSERT INTO star.fact_sales VALUES ('s101', 4, 'c1', 1, 1, now(), {batch});
        """
    )
    comparison = star.verify()[0]
    assert comparison.equal
    assert comparison.rows == (97, 97)
    assert comparison.moved == 4


def test_a_difference_shows_while_staging_moves_on(star: SmallStar) -> None:
    star.change("UPDATE star.fact_sales SET amount = 0, _batch = {batch} WHERE sale_key = 's1'")
    in_production(star, "UPDATE star.fact_sales SET amount = 7 WHERE sale_key IN ('s1', 's4')")
    assert red(star.verify()) == {"star.fact_sales": ["sale_key=s4 differs"]}


def test_sessions_that_spell_values_differently_are_equal(star: SmallStar) -> None:
    for setting in ("TimeZone = 'Asia/Kolkata'", "DateStyle = 'German'", "extra_float_digits = -10"):
        in_production(star, f"SET {setting}")
    assert red(star.verify()) == {}
    star.change("UPDATE star.fact_sales SET sold_at = sold_at + interval '1 h', _batch = {batch}")
    star.mirror()
    assert red(star.verify()) == {}
    in_production(star, "RESET ALL")
    assert star.tables_are_equal()


def test_of_many_differences_the_first_are_named_and_all_counted(star: SmallStar) -> None:
    in_production(star, "UPDATE star.fact_sales SET amount = amount + 1")
    comparison = star.verify()[0]
    assert comparison.different == 100
    assert len(comparison.first) == 20
    assert {row.discrepancy for row in comparison.first} == {Discrepancy.DIFFERENT}
    assert str(comparison).endswith("and 80 more")


def test_what_was_never_mirrored_says_so(star: SmallStar) -> None:
    in_production(
        star, "DROP TABLE reports.sales_by_country", "ALTER TABLE star.fact_sales DROP COLUMN price"
    )
    obstacles = {comparison.table: comparison.obstacle for comparison in star.verify()}
    assert obstacles == {
        FACT: "production lacks the column price: mirror the table first",
        CUSTOMER: None,
        COUNTRY: None,
        REPORT: "it is not in production: mirror it first",
    }


def test_nothing_is_written(star: SmallStar) -> None:
    star.change("UPDATE star.fact_sales SET amount = 0, _batch = {batch} WHERE sale_key = 's1'")
    in_production(star, "UPDATE star.fact_sales SET amount = 7 WHERE sale_key = 's4'")
    before = star.versions()
    star.verify()
    assert star.versions() == before


def test_a_materialized_view_is_compared_with_its_query(star: SmallStar) -> None:
    star.mirror([TOTALS])
    assert str(verify_view(star.warehouse(), TOTALS)) == "reports.total_sales_per_country: 4 rows are equal"
    in_production(star, "UPDATE star.fact_sales SET amount = amount + 1 WHERE country_key = 2")
    comparison = verify_view(star.warehouse(), TOTALS)
    assert [str(row) for row in comparison.first] == ["country=Country 2 differs"]
