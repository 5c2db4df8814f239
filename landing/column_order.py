"""Whether the columns of a file without a header are in the declared order, by what is known of their values.

Such a file says nothing of its order: two columns of numbers that have changed places would land swapped.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import permutations

from landing.spec import FileSpec
from landing.values import Integer, Value

Bounds = tuple[Decimal, Decimal]

ROWS_LOOKED_AT = 2000
FEWEST_ROWS = 20
# Of the values of a column, the share within its bounds up to which it is doubtful, and from which it fits.
DOUBTFUL = 0.5
FITTING = 0.9


def bounds_of(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> dict[str, Bounds]:
    """The least and the greatest value of each column of numbers, if there are enough rows to say so."""
    if len(rows) < FEWEST_ROWS:
        return {}
    numbers = zip(columns, (_numbers(column) for column in zip(*rows, strict=True)), strict=True)
    return {name: (min(values), max(values)) for name, values in numbers if values}


class ColumnOrder:
    """Takes the first rows of a file, and tells in the end whether another order fits them better."""

    def __init__(self, spec: FileSpec, known: Mapping[str, Bounds]) -> None:
        usual = {field.name: field.usual for field in spec.fields if field.usual}
        bounds = {name: (Decimal(least), Decimal(most)) for name, (least, most) in usual.items()}
        self._bounds = {**bounds, **known}
        self._places = [place for place, name in enumerate(spec.columns) if name in self._bounds]
        self._spec = spec
        self._rows: list[Sequence[Value]] = []

    def take(self, row: Sequence[Value]) -> None:
        if len(self._rows) < ROWS_LOOKED_AT:
            self._rows.append(row)

    def better(self) -> Iterator[tuple[str, str]]:
        """If the values say that columns have changed places: where one is expected, and what is there."""
        if len(self._rows) < FEWEST_ROWS or not self._places:
            return
        names = [self._spec.columns[place] for place in self._places]
        values = [_numbers(row[place] for row in self._rows) for place in self._places]
        share = [[self._share(name, column) for column in values] for name in names]
        declared = tuple(range(len(names)))
        orders = {
            order: min(share[to][of] for to, of in enumerate(order)) for order in permutations(declared)
        }
        best = max(orders, key=orders.__getitem__)
        if orders[declared] <= DOUBTFUL and orders[best] >= FITTING:
            yield from ((names[to], names[of]) for to, of in enumerate(best) if to != of)

    def _share(self, name: str, values: Sequence[Decimal]) -> float:
        """The share of the values that could stand in this column."""
        least, most = self._bounds[name]
        field = next(field for field in self._spec.fields if field.name == name)
        is_whole = isinstance(field.type, Integer)
        fitting = sum(least <= value <= most and not (is_whole and value % 1) for value in values)
        return fitting / max(len(values), 1)


def _numbers(values: Iterator[object] | Sequence[object]) -> list[Decimal]:
    return [Decimal(value) for value in values if isinstance(value, (int, Decimal))]
