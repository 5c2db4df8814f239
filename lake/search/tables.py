"""The results of the analysis of search terms, declared like all synced tables."""

from __future__ import annotations

from lake.spec import LakeTable
from sync.spec import Column, Table

SOURCE = "spark"
# A new day is part of a term's key, so a row never moves to another month.
SEARCH_TERMS = LakeTable(
    "raw",
    "search_terms",
    key=("day", "month", "year", "searchterm", "occurrence"),
    day="make_date(year, month, day)",
    day_is_in_key=True,
)
TERM_COLUMNS = ("day", "month", "year", "searchterm")
# What a column of a result is made of, where that is not all of the search terms' columns.
ORIGINS = {
    "searchterm": ("searchterm",),
    "spelling": ("searchterm",),
    "unknown_words": ("searchterm",),
    "year": ("year",),
    "month": ("month",),
}

_TERM = Column("searchterm", "text", "what was searched for")
_YEAR = Column("year", "integer", "calendar year of the searches")
_MONTH = Column("month", "integer", "calendar month of the searches, 1 to 12")
_SEARCHES = Column("searches", "bigint", "number of searches")


def _result(name: str, description: str, key: tuple[str, ...], *columns: Column) -> Table:
    return Table(name, SOURCE, "search", key=key, columns=columns, description=description)


RESULTS = (
    _result(
        "search_terms_profile",
        "The columns of the search terms: type, rows, smallest and largest value.",
        ("position",),
        Column("position", "integer", "place of the column, from 1"),
        Column("column_name", "text", "the column"),
        Column("data_type", "text", "its type in Spark"),
        Column("rows", "bigint", "number of rows"),
        Column("smallest", "text", "its smallest value, text by byte order"),
        Column("largest", "text", "its largest value, text by byte order"),
    ),
    _result(
        "top_search_terms",
        "How often each term was searched.",
        ("searchterm",),
        _TERM,
        _SEARCHES,
    ),
    _result(
        "search_terms_by_month",
        "Searches of each term by calendar month, with the term's trend.",
        ("year", "month", "searchterm"),
        _YEAR,
        _MONTH,
        _TERM,
        _SEARCHES,
        Column(
            "slope",
            "numeric(20,6)",
            "searches that the term gains a month: least squares over all months, those without it too",
        ),
    ),
    _result(
        "rising_search_terms",
        "Terms that were searched more often in the last calendar month than in the one before.",
        ("searchterm",),
        _TERM,
        Column("year", "integer", "year of the last month"),
        Column("month", "integer", "the last month that has searches, 1 to 12"),
        Column("previous_searches", "bigint", "number of searches in the month before"),
        _SEARCHES,
        Column("rise", "bigint", "by how many searches it rose"),
    ),
    _result(
        "unmatched_search_terms",
        "Terms that no product of the catalog has all words of.",
        ("searchterm",),
        _TERM,
        _SEARCHES,
        Column("unknown_words", "text", "those of its words that no product has at all"),
    ),
    _result(
        "search_term_spellings",
        "Spellings that differ by one character, under the most frequent one of them.",
        ("spelling",),
        Column("searchterm", "text", "the most frequent spelling"),
        Column("spelling", "text", "a spelling of it, itself among them"),
        _SEARCHES,
    ),
)
