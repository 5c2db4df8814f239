"""What is asked for at once: so many keys at most, and no more than fit into a statement."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")


def portions(
    items: Iterable[Item], count: int, size: int, size_of: Callable[[Item], int]
) -> Iterator[list[Item]]:
    """The items in lists of at most `count`, whose sizes come to at most `size`; one that is larger by itself
    is alone in its list."""
    portion: list[Item] = []
    used = 0
    for item in items:
        needed = size_of(item)
        if portion and (len(portion) == count or used + needed > size):
            yield portion
            portion, used = [], 0
        portion.append(item)
        used += needed
    if portion:
        yield portion
