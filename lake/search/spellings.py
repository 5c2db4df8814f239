"""Spellings at an edit distance of one (a character more, less or another), grouped.

Two texts are that close only if they share a text that comes of leaving one character out of either, so
those are looked up instead of comparing each with each (the idea of SymSpell's deletions,
https://github.com/wolfgarbe/SymSpell). Texts whose digits differ are other things (`tablet 10 inch`,
`tablet 11 inch`), and so are words of less than four characters.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame

FEWEST_CHARACTERS = 4
_DELETIONS = (
    "explode(array_distinct(concat(array(searchterm), transform(sequence(1, length(searchterm)),"
    " i -> concat(substr(searchterm, 1, i - 1), substr(searchterm, i + 1))))))"
)


def spellings(top: DataFrame) -> pa.Table:
    """For each term of `top` (searchterm, searches) that is close to another one: the most frequent one that
    a chain of ever more frequent spellings leads to. Of equally frequent ones the first by byte order."""
    import pyarrow as pa  # noqa: PLC0415
    from pyspark.sql import functions as F

    keyed = top.where(f"length(searchterm) >= {FEWEST_CHARACTERS}").selectExpr(
        "searchterm as term", "searches", f"{_DELETIONS} as shared",
        "regexp_replace(searchterm, '[^0-9]', '') as digits",
    )  # fmt: skip
    better = keyed.selectExpr(
        "term as better", "searches as better_searches", "shared", "digits as better_digits"
    )
    closest = (
        keyed.join(better, "shared")
        .where("digits = better_digits")
        .where("better_searches > searches or (better_searches = searches and better < term)")
        .where("levenshtein(term, better, 1) = 1")
        .groupBy("term", "searches")
        .agg(
            F.min(
                F.struct((-F.col("better_searches")).alias("order"), F.col("better"))
            ).alias("best")
        )
        .selectExpr("term", "searches", "best.better as parent", "-best.order as parent_searches")
    ).toArrow()  # fmt: skip
    parents = dict(zip(closest["term"].to_pylist(), closest["parent"].to_pylist(), strict=True))
    searches = dict(zip(closest["parent"].to_pylist(), closest["parent_searches"].to_pylist(), strict=True))
    searches |= dict(zip(closest["term"].to_pylist(), closest["searches"].to_pylist(), strict=True))
    heads = {spelling: _head(spelling, parents) for spelling in searches}
    return pa.table(
        {
            "searchterm": pa.array(heads.values(), pa.string()),
            "spelling": pa.array(heads.keys(), pa.string()),
            "searches": pa.array((searches[spelling] for spelling in heads), pa.int64()),
        }
    )


def _head(spelling: str, parents: dict[str, str]) -> str:
    """Where the chain ends: each step goes to a more frequent spelling, so it does."""
    while spelling in parents:
        spelling = parents[spelling]
    return spelling
