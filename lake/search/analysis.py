"""The analysis: one pass over the searches counts them by month and term, all else follows from these."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from lake.search.spellings import spellings
from lake.search.tables import TERM_COLUMNS
from lake.search.unmatched import unmatched

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import Column, DataFrame

SLOPE_DIGITS = 6


def analyse(terms: DataFrame, catalog: DataFrame, say: Callable[[str], None]) -> dict[str, pa.Table]:
    """All results, by the names of their tables.

    `terms` has the columns day, month, year, searchterm; `catalog` one column `document`, a product as JSON.
    `say` takes a line before each of them is computed.
    """
    from pyspark.sql import functions as F

    say("counting searches by month and term")
    counts = terms.groupBy("year", "month", "searchterm").agg(F.count("*").alias("searches")).persist()
    top = counts.groupBy("searchterm").agg(F.sum("searches").alias("searches")).persist()
    try:
        results: Mapping[str, Callable[[], pa.Table]] = {
            "top_search_terms": lambda: top.toArrow(),
            "search_terms_by_month": lambda: _by_month(counts).toArrow(),
            "rising_search_terms": lambda: _rising(counts).toArrow(),
            "unmatched_search_terms": lambda: unmatched(top, catalog).toArrow(),
            "search_term_spellings": lambda: spellings(top),
            "search_terms_profile": lambda: _profile(terms),
        }
        found = {}
        for name, compute in results.items():
            say(f"computing {name}")
            found[name] = compute()
        return found
    finally:
        top.unpersist()
        counts.unpersist()


def _month_number() -> Column:
    from pyspark.sql import functions as F

    return F.col("year").cast("long") * 12 + F.col("month")


def _by_month(counts: DataFrame) -> DataFrame:
    """The slope of a line through a term's searches in n months, numbered x = 0 … n - 1:
    (n Σxy - Σx Σy) / (n Σx² - (Σx)²), in whole numbers up to the division."""
    from pyspark.sql import functions as F

    numbered = counts.withColumn("number", _month_number())
    span = numbered.agg(F.min("number").alias("first"), (F.max("number") - F.min("number") + 1).alias("n"))
    sums = (
        numbered.crossJoin(F.broadcast(span))
        .groupBy("searchterm", "n")
        .agg(
            F.sum("searches").alias("sy"),
            F.sum((F.col("number") - F.col("first")) * F.col("searches")).alias("sxy"),
        )
    )
    decimal = "cast({} as decimal(38, 0))"
    slopes = sums.selectExpr(
        "searchterm",
        f"case when n > 1 then round({decimal.format('n * sxy - (n * (n - 1) div 2) * sy')}"
        f" / cast(n * (n * (n - 1) * (2 * n - 1) div 6) - (n * (n - 1) div 2) * (n * (n - 1) div 2)"
        f" as decimal(20, 0)), {SLOPE_DIGITS}) end as slope",
    )
    return counts.join(slopes, "searchterm")


def _rising(counts: DataFrame) -> DataFrame:
    from pyspark.sql import functions as F

    numbered = counts.withColumn("number", _month_number())
    last = numbered.agg(F.max("number").alias("last"))
    compared = (
        numbered.crossJoin(F.broadcast(last))
        .where("number >= last - 1")
        .groupBy("searchterm", "last")
        .agg(
            F.sum(F.expr("case when number = last then searches else 0 end")).alias("searches"),
            F.sum(F.expr("case when number < last then searches else 0 end")).alias("previous_searches"),
        )
    )
    return compared.where("searches > previous_searches").selectExpr(
        "searchterm",
        "cast((last - 1) div 12 as int) as year",
        "cast((last - 1) % 12 + 1 as int) as month",
        "previous_searches",
        "searches",
        "searches - previous_searches as rise",
    )


def _profile(terms: DataFrame) -> pa.Table:
    import pyarrow as pa  # noqa: PLC0415
    from pyspark.sql import functions as F

    bounds = [F.min(name).alias(f"min_{name}") for name in TERM_COLUMNS]
    bounds += [F.max(name).alias(f"max_{name}") for name in TERM_COLUMNS]
    (row,) = terms.agg(F.count("*").alias("rows"), *bounds).toArrow().to_pylist()
    types = {field.name: field.dataType.simpleString() for field in terms.schema.fields}

    def text(value: object) -> str | None:
        return None if value is None else str(value)

    return pa.table(
        {
            "position": list(range(1, len(TERM_COLUMNS) + 1)),
            "column_name": list(TERM_COLUMNS),
            "data_type": [types[name] for name in TERM_COLUMNS],
            "rows": [row["rows"]] * len(TERM_COLUMNS),
            "smallest": [text(row[f"min_{name}"]) for name in TERM_COLUMNS],
            "largest": [text(row[f"max_{name}"]) for name in TERM_COLUMNS],
        }
    )
