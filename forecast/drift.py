"""Whether what came still fits what was predicted."""

from __future__ import annotations

import math
from dataclasses import dataclass

SIGNIFICANCE = 0.05
MIN_MONTHS = 3


@dataclass(frozen=True)
class Drift:
    """Of `months` that have come, `outside` left the interval that was predicted for them at `level`.

    `p_value` is the chance of that many or more if the intervals were right.
    """

    months: int
    outside: int
    level: float
    p_value: float

    @property
    def is_found(self) -> bool:
        return self.months >= MIN_MONTHS and self.p_value < SIGNIFICANCE

    def __str__(self) -> str:
        if self.months < MIN_MONTHS:
            return (
                f"{self.months} months have come since they were forecast; {MIN_MONTHS} are needed to judge"
            )
        return (
            f"{self.outside} of the last {self.months} months left their {self.level:.0%} interval; if it"
            f" were right that many would with a chance of {self.p_value:.3f}"
        )


def measure_drift(inside: list[bool], level: float) -> Drift:
    """The binomial test of months that came, each within its interval or not."""
    outside = inside.count(False)
    return Drift(len(inside), outside, level, _at_least(outside, len(inside), 1 - level))


def _at_least(successes: int, trials: int, chance: float) -> float:
    """The chance of that many successes or more in independent trials."""
    return math.fsum(
        math.comb(trials, count) * chance**count * (1 - chance) ** (trials - count)
        for count in range(successes, trials + 1)
    )
