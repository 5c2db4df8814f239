"""Searches that match no product.

A term matches a product that has all of its words, among its attributes' names or values, whatever their
case; a plural `s` at the end makes no difference. Numbers are words: `laptop 14 inch` wants a product that
says 14.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_WORDS = r"array_distinct(regexp_extract_all(lower({}), r'[\p{{L}}\p{{N}}]+(?:\.\p{{N}}+)?', 0))"
# Short words and those on ss are no plurals.
_STEM = (
    "case when length({0}) > 3 and {0} like '%s' and {0} not like '%ss' then left({0}, length({0}) - 1)"
    " else {0} end"
)
_STEMMED = f"array_distinct(transform({{}}, w -> {_STEM.format('w')}))"


def unmatched(top: DataFrame, catalog: DataFrame) -> DataFrame:
    """The terms of `top` (searchterm, searches) that no `document` of the catalog has all words of.

    Of a term's words the one that the fewest products have leads to the products that it is compared with;
    one that no product has leads to none.
    """
    from pyspark.sql import functions as F

    products = catalog.selectExpr(f"{_STEMMED.format(_WORDS.format('document'))} as product_words")
    by_word = products.selectExpr("explode(product_words) as word", "product_words")
    known = by_word.groupBy("word").agg(F.count("*").alias("products"))
    typed = top.selectExpr("searchterm", "searches", f"{_WORDS.format('searchterm')} as typed_words")
    rated = (
        typed.selectExpr("*", "posexplode_outer(typed_words) as (place, typed)")
        .withColumn("word", F.expr(_STEM.format("typed")))
        .join(known, "word", "left")
        .groupBy("searchterm")
        .agg(
            F.first("searches").alias("searches"),
            F.collect_set("word").alias("words"),
            F.min(F.struct("products", "word")).alias("rarest"),
            F.sort_array(
                F.collect_list(
                    F.when(F.col("products").isNull() & F.col("word").isNotNull(), F.struct("place", "typed"))
                )
            ).alias("unknown"),
        )
    )
    missed = rated.join(
        by_word,
        (rated["rarest.word"] == by_word["word"]) & F.expr("size(array_except(words, product_words)) = 0"),
        "left_anti",
    )
    return missed.selectExpr(
        "searchterm", "searches", "array_join(transform(unknown, u -> u.typed), ' ') as unknown_words"
    )
