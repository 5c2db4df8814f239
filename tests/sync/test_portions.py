"""Lists that are bounded by a number of items and by what they come to."""

from __future__ import annotations

from sync.sources.portions import portions


def test_a_portion_ends_at_a_number_of_items_or_at_a_size_whichever_comes_first() -> None:
    assert list(portions(["a", "b", "c", "dd", "eeee"], 3, 4, len)) == [["a", "b", "c"], ["dd"], ["eeee"]]


def test_an_item_that_is_too_large_by_itself_is_alone_and_none_is_lost() -> None:
    assert list(portions(["a", "bbbbb", "c"], 9, 4, len)) == [["a"], ["bbbbb"], ["c"]]
    assert list(portions([], 9, 4, len)) == []
