"""The next item is under way while one is used."""

from collections.abc import Generator
from threading import Event

import pytest

from sync.ahead import ahead


def test_items_keep_their_order() -> None:
    assert list(ahead(number for number in range(5))) == [0, 1, 2, 3, 4]
    assert list(ahead(number for number in range(0))) == []


def test_the_next_item_is_made_while_one_is_used() -> None:
    made = Event()

    def items() -> Generator[int, None, None]:
        yield 1
        made.set()
        yield 2

    for _ in ahead(items()):
        assert made.wait(timeout=30)


def test_an_error_shows_after_the_items_before_it() -> None:
    def items() -> Generator[int, None, None]:
        yield 1
        raise ValueError("broken")

    found = []
    with pytest.raises(ValueError, match="broken"):
        found.extend(ahead(items()))
    assert found == [1]


def test_leaving_early_closes_the_items() -> None:
    closed = Event()

    def items() -> Generator[int, None, None]:
        try:
            while True:
                yield 1
        finally:
            closed.set()

    reading = ahead(items())
    next(reading)
    reading.close()
    assert closed.is_set()


def test_items_are_made_until_those_that_wait_reach_the_limit() -> None:
    made = []
    full = Event()

    def items() -> Generator[int, None, None]:
        for number in range(10):
            made.append(number)
            if number == 3:
                full.set()
            yield number

    reading = ahead(items(), limit=6, size=lambda number: 2)
    assert next(reading) == 0
    assert full.wait(timeout=30)  # 1, 2 and 3 are made and wait
    assert made == [0, 1, 2, 3]
    assert list(reading) == [*range(1, 10)]


def test_while_an_item_is_used_that_is_to_be_alone_no_other_is_made() -> None:
    made = []

    def items() -> Generator[int, None, None]:
        for number in range(6):
            made.append(number)
            yield number

    used = []
    for number in ahead(items(), alone=lambda number: number % 2 == 1):
        used.append(number)
        if number % 2 == 1:
            assert made == used
    assert used == [*range(6)]
