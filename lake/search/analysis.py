"""The analysis: one pass over the searches brings them to a row a term, and all else follows from these rows.

They are few beside the searches and stay with Spark, so that each result is a query of one stage or two.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from lake.search.spellings import spellings
from lake.search.tables import TERM_COLUMNS
from lake.search.unmatched import unmatched

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame

SLOPE_DIGITS = 6
# Months are numbered, so that the next one has the next number.
NUMBER = "number"
_BOUNDS = [(end, name) for end in ("min", "max") for name in ("day", "month", "year", NUMBER)]


def analyse(terms: DataFrame, catalog: DataFrame, say: Callable[[str], None]) -> dict[str, pa.Table]:
    """All results, by the names of their tables.

    `terms` has the columns day, month, year, searchterm; `catalog` one column `document`, a product as JSON.
    `say` takes a line before each of them is computed.
    """
    say("counting searches by month and term")
    counted = _counted(terms).persist()
    try:
        totals = _totals(counted)
        results: Mapping[str, Callable[[], pa.Table]] = {
            "top_search_terms": lambda: counted.select("searchterm", "searches").toArrow(),
            "search_terms_by_month": lambda: _by_month(counted, totals).toArrow(),
            "rising_search_terms": lambda: _rising(counted, totals).toArrow(),
            "unmatched_search_terms": lambda: unmatched(counted, catalog).toArrow(),
            "search_term_spellings": lambda: spellings(counted),
            "search_terms_profile": lambda: _profile(terms, totals),
        }
        found = {}
        for name, compute in results.items():
            say(f"computing {name}")
            found[name] = compute()
        return found
    finally:
        counted.unpersist()


def _counted(terms: DataFrame) -> DataFrame:
    """A row a term: its `searches`, their sum `weighted` by the numbers of their months, the `months` that it
    was searched in, and the bounds of its other columns."""
    from pyspark.sql import functions as F

    by_month = terms.groupBy("year", "month", "searchterm").agg(
        F.count("*").alias("searches"), F.min("day").alias("min_day"), F.max("day").alias("max_day")
    )
    numbered = by_month.selectExpr("*", f"cast(year as long) * 12 + month as {NUMBER}")
    bounds = [
        F.expr(f"{end}({f'{end}_day' if name == 'day' else name})").alias(f"{end}_{name}")
        for end, name in _BOUNDS
    ]
    return numbered.groupBy("searchterm").agg(
        F.sum("searches").alias("searches"),
        F.sum(F.col(NUMBER) * F.col("searches")).alias("weighted"),
        F.collect_list(F.struct("year", "month", NUMBER, "searches")).alias("months"),
        *bounds,
    )


def _totals(counted: DataFrame) -> dict[str, Any]:
    """The number of all searches, and the smallest and the largest value of each column."""
    from pyspark.sql import functions as F

    (row,) = (
        counted.withColumns({f"{end}_searchterm": F.col("searchterm") for end in ("min", "max")})
        .agg(
            F.coalesce(F.sum("searches"), F.lit(0)).alias("rows"),
            *(
                F.expr(f"{end}({end}_{name})").alias(f"{end}_{name}")
                for end, name in (*_BOUNDS, ("min", "searchterm"), ("max", "searchterm"))
            ),
        )
        .toArrow()
        .to_pylist()
    )
    return dict(row)


def _by_month(counted: DataFrame, totals: Mapping[str, Any]) -> DataFrame:
    """The slope of a line through a term's searches in n months, numbered x = 0 … n - 1:
    (n Σxy - Σx Σy) / (n Σx² - (Σx)²), in whole numbers up to the division."""
    first, last = totals[f"min_{NUMBER}"] or 0, totals[f"max_{NUMBER}"] or 0
    n = last - first + 1
    x, xx = n * (n - 1) // 2, n * (n - 1) * (2 * n - 1) // 6
    slope = (
        f"round(cast({n}L * (weighted - {first}L * searches) - {x}L * searches as decimal(38, 0))"
        f" / cast({n * xx - x * x}L as decimal(20, 0)), {SLOPE_DIGITS})"
        if n > 1
        else f"cast(null as decimal(38, {SLOPE_DIGITS}))"
    )
    return counted.selectExpr("searchterm", "inline(months)", f"{slope} as slope").drop(NUMBER)


def _rising(counted: DataFrame, totals: Mapping[str, Any]) -> DataFrame:
    last = totals[f"max_{NUMBER}"] or 0
    in_month = "aggregate(filter(months, m -> m.{0} = {1}L), 0L, (total, m) -> total + m.searches)"
    compared = counted.selectExpr(
        "searchterm",
        f"{in_month.format(NUMBER, last)} as searches",
        f"{in_month.format(NUMBER, last - 1)} as previous_searches",
    )
    return compared.where("searches > previous_searches").selectExpr(
        "searchterm",
        f"{(last - 1) // 12} as year",
        f"{(last - 1) % 12 + 1} as month",
        "previous_searches",
        "searches",
        "searches - previous_searches as rise",
    )


def _profile(terms: DataFrame, totals: Mapping[str, Any]) -> pa.Table:
    import pyarrow as pa  # noqa: PLC0415

    types = {field.name: field.dataType.simpleString() for field in terms.schema.fields}

    def text(value: object) -> str | None:
        return None if value is None else str(value)

    return pa.table(
        {
            "position": list(range(1, len(TERM_COLUMNS) + 1)),
            "column_name": list(TERM_COLUMNS),
            "data_type": [types[name] for name in TERM_COLUMNS],
            "rows": [totals["rows"]] * len(TERM_COLUMNS),
            "smallest": [text(totals[f"min_{name}"]) for name in TERM_COLUMNS],
            "largest": [text(totals[f"max_{name}"]) for name in TERM_COLUMNS],
        }
    )
