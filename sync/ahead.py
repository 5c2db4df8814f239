"""Work that runs while its results are being used."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator
from typing import Generic, TypeVar

Item = TypeVar("Item")


def ahead(
    items: Iterator[Item],
    limit: int = 1,
    size: Callable[[Item], int] = lambda item: 1,
    alone: Callable[[Item], bool] = lambda item: False,
) -> Generator[Item, None, None]:
    """The same items; a thread works out further ones while the caller is busy with one.

    It pauses while those that wait have the size `limit` together; by default one item waits. After one that
    is to be `alone` it pauses until the caller has done with that. An error shows when its item is asked for.
    Leaving early waits for the item under way.
    """
    waiting = _Waiting(limit, size, alone)
    thread = threading.Thread(target=waiting.fill, args=(items,), name="ahead")
    thread.start()
    try:
        yield from waiting.take()
    finally:
        waiting.leave()
        thread.join()


class _Waiting(Generic[Item]):
    """The items between the thread and its caller."""

    def __init__(self, limit: int, size: Callable[[Item], int], alone: Callable[[Item], bool]) -> None:
        self._limit = limit
        self._size = size
        self._alone = alone
        self._in_use = False
        self._items: deque[Item] = deque()
        self._held = 0
        self._ended = self._left = False
        self._error: BaseException | None = None
        self._changed = threading.Condition()

    def fill(self, items: Iterator[Item]) -> None:
        try:
            for item in items:
                with self._changed:
                    self._items.append(item)
                    self._held += self._size(item)
                    self._changed.notify()
                    self._changed.wait_for(lambda: self._held < self._limit or self._left)
                    if self._alone(item):
                        self._changed.wait_for(lambda: not (self._held or self._in_use) or self._left)
                    if self._left:
                        break
                del item
            if isinstance(items, Generator):
                items.close()
        except BaseException as error:  # the caller's to handle
            self._error = error
        with self._changed:
            self._ended = True
            self._changed.notify()

    def take(self) -> Iterator[Item]:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._items or self._ended)
                if not self._items:
                    break
                item = self._items.popleft()
                self._held -= self._size(item)
                self._in_use = True
                self._changed.notify()
            yield item
            del item
            with self._changed:
                self._in_use = False
                self._changed.notify()
        if self._error:
            raise self._error

    def leave(self) -> None:
        with self._changed:
            self._left = True
            self._changed.notify()
