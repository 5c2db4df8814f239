"""The analysis of search terms, recounted by plain Python from the same rows."""

from __future__ import annotations

import random
import sys
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from itertools import combinations
from typing import Any

import pyarrow as pa
import pytest

from lake.search.analysis import analyse
from lake.search.tables import RESULTS
from resources.spark import SparkResource

Row = tuple[int, int, int, str]
CATALOG = [
    '{"type": "laptop", "model": "Aero 14", "screen size": 15.6, "ram": "16GB"}',
    '{"type": "smart phone", "model": "Müller One", "5g": true}',
    '{"type": "tents", "model": "dome"}',
]
TERMS = {
    "laptop": 50, "laptops": 3, "laptop 15.6": 8, "gaming laptop": 9, "LAPTOP 16gb": 4, "tent": 7,
    "müller": 5, "phone dome": 2, "fountain pen": 11, "labtop": 6, "labtob": 2, "laptop 14": 5,
    "laptop 15": 4, "tablet 10 inch": 3, "tablet 11 inch": 2, "pen": 2, "ben": 1, "!?": 1, "NA": 2, "5g": 3,
}  # fmt: skip


@pytest.fixture(scope="module")
def spark() -> Iterator[SparkResource]:
    resource = SparkResource(master="local[2]", settings={"spark.driver.memory": "768m"})
    yield resource
    resource.stop()


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    """Searches in November, December and February; in the last month nobody asks for half of the terms."""
    chance = random.Random(7)
    months = [(2023, 11), (2023, 12), (2024, 2)]
    found = []
    for place, (term, count) in enumerate(TERMS.items()):
        for number in range(count * 3):
            year, month = months[number % (3 if place % 2 else 2)]
            found.append((chance.randint(1, 28), month, year, term))
    found.append((1, 1, 2024, "laptop"))
    chance.shuffle(found)
    return found


@pytest.fixture(scope="module")
def results(spark: SparkResource, rows: list[Row]) -> dict[str, list[dict[str, Any]]]:
    session = spark.session
    terms = session.createDataFrame(rows, "day int, month int, year int, searchterm string")
    catalog = session.createDataFrame([(text,) for text in CATALOG], "document string")
    found = analyse(terms.repartition(7), catalog, lambda line: None)
    assert set(found) == {table.name for table in RESULTS}
    for table in RESULTS:
        assert {column.name for column in table.columns} <= set(found[table.name].column_names)
    return {name: table.to_pylist() for name, table in found.items()}


def test_each_term_is_counted(results: dict[str, list[dict[str, Any]]], rows: list[Row]) -> None:
    counted = {row["searchterm"]: row["searches"] for row in results["top_search_terms"]}
    assert counted == Counter(term for *_, term in rows)


def test_months_have_the_slope_of_their_term_with_the_empty_months_in_it(
    results: dict[str, list[dict[str, Any]]], rows: list[Row]
) -> None:
    counts = Counter((year, month, term) for _, month, year, term in rows)
    months = [(2023, 11), (2023, 12), (2024, 1), (2024, 2)]
    expected = {}
    for year, month, term in counts:
        ys = [counts[(*each, term)] for each in months]
        n, sx, sxx = 4, 6, 14
        slope = Fraction(n * sum(x * y for x, y in enumerate(ys)) - sx * sum(ys), n * sxx - sx * sx)
        expected[(year, month, term)] = (counts[(year, month, term)], round(Decimal(float(slope)), 6))
    found = {
        (row["year"], row["month"], row["searchterm"]): (row["searches"], round(row["slope"], 6))
        for row in results["search_terms_by_month"]
    }
    assert found == expected


def test_what_rose_between_the_last_two_calendar_months_is_named(
    results: dict[str, list[dict[str, Any]]], rows: list[Row]
) -> None:
    february = Counter(term for _, month, _, term in rows if month == 2)
    january = Counter(term for _, month, _, term in rows if month == 1)
    expected = {
        (term, 2024, 2, january[term], count, count - january[term])
        for term, count in february.items()
        if count > january[term]
    }
    columns = ("searchterm", "year", "month", "previous_searches", "searches", "rise")
    assert {tuple(row[name] for name in columns) for row in results["rising_search_terms"]} == expected


def test_terms_that_no_product_has_all_words_of_are_named_with_the_words_that_none_has(
    results: dict[str, list[dict[str, Any]]],
) -> None:
    found = {row["searchterm"]: row["unknown_words"] for row in results["unmatched_search_terms"]}
    assert found == {
        "gaming laptop": "gaming", "phone dome": "", "fountain pen": "fountain pen", "labtop": "labtop",
        "labtob": "labtob", "laptop 15": "15", "tablet 10 inch": "tablet 10 inch",
        "tablet 11 inch": "tablet 11 inch", "pen": "pen", "ben": "ben", "!?": "", "NA": "na",
    }  # fmt: skip


def test_spellings_at_a_distance_of_one_are_grouped_under_the_most_frequent(
    results: dict[str, list[dict[str, Any]]],
) -> None:
    found = {
        row["spelling"]: (row["searchterm"], row["searches"]) for row in results["search_term_spellings"]
    }
    assert found == {
        "laptop": ("laptop", 151),
        "laptops": ("laptop", 9),
        "labtop": ("laptop", 18),
        "labtob": ("laptop", 6),
    }


def test_the_profile_tells_rows_columns_and_types(
    results: dict[str, list[dict[str, Any]]], rows: list[Row]
) -> None:
    profile = results["search_terms_profile"]
    assert [(row["column_name"], row["data_type"]) for row in profile] == [
        ("day", "int"), ("month", "int"), ("year", "int"), ("searchterm", "string"),
    ]  # fmt: skip
    assert {row["rows"] for row in profile} == {len(rows)}
    assert (profile[3]["smallest"], profile[3]["largest"]) == (min(TERMS), max(TERMS))


def test_every_pair_of_close_spellings_is_found(spark: SparkResource) -> None:
    """Against each compared with each, on random short words."""
    from lake.search.spellings import spellings

    chance = random.Random(11)
    words = sorted({"".join(chance.choices("abä", k=chance.randint(4, 6))) for _ in range(120)})
    searches = {word: number + 1 for number, word in enumerate(words)}
    top = spark.session.createDataFrame(list(searches.items()), "searchterm string, searches long")
    found = spellings(top)
    close = [pair for pair in combinations(words, 2) if distance(*pair) == 1]
    assert len(close) > 50
    best: dict[str, str] = {}
    for pair in close:
        less, more = sorted(pair, key=lambda word: searches[word])
        best[less] = max(best.get(less, more), more, key=lambda word: searches[word])
    assert set(found["spelling"].to_pylist()) == {*best, *best.values()}
    for head, spelling in zip(found["searchterm"].to_pylist(), found["spelling"].to_pylist(), strict=True):
        while spelling in best:
            spelling = best[spelling]
        assert head == spelling


def distance(one: str, other: str) -> int:
    """Levenshtein's, by its definition."""
    row = list(range(len(other) + 1))
    for i, left in enumerate(one, 1):
        last, row[0] = row[0], i
        for j, right in enumerate(other, 1):
            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (left != right))
    return row[-1]


def test_no_searches_at_all_give_empty_results(spark: SparkResource) -> None:
    session = spark.session
    terms = session.createDataFrame([], "day int, month int, year int, searchterm string")
    catalog = session.createDataFrame([], "document string")
    found = analyse(terms, catalog, lambda line: None)
    assert {name: table.num_rows for name, table in found.items() if table.num_rows} == {
        "search_terms_profile": 4
    }
    assert isinstance(found["top_search_terms"], pa.Table)
    assert "pyspark" in sys.modules
