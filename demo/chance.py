"""Random draws: repeatable, vectorised, and shaped like the things they stand for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from random import Random
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_STEEPNESS = 30.0


def generator(seed: int, purpose: str) -> np.random.Generator:
    """A random generator of its own for each purpose, so that one file's draws never shift another's."""
    return np.random.default_rng([seed, crc32(purpose.encode())])


def weighted(rng: np.random.Generator, weights: Sequence[float], count: int) -> Ints:
    """`count` indexes into `weights`, each as likely as its weight."""
    bounds = np.cumsum(np.asarray(weights, dtype=float))
    drawn: Ints = np.searchsorted(bounds, rng.random(count) * bounds[-1], side="right")
    return drawn


def popular(rng: np.random.Generator, members: Ints) -> Ints:
    """For each entry n of `members` a rank from 0 to n - 1, the low ranks far more often.

    Zipf-Mandelbrot's law in its continuous form, drawn by the inverse of its distribution: the first fifth
    of the ranks takes some 57 percent of the draws, whatever n is, and no table of weights is needed.
    """
    spread = np.power(1.0 + _STEEPNESS, rng.random(len(members))) - 1.0
    return np.minimum((members * spread / _STEEPNESS).astype(np.int64), members - 1)


def shuffled(ranks: Ints, members: int) -> Ints:
    """A fixed permutation of 0 … `members` - 1, computed and not stored: ids must not give ranks away."""
    step = max(int(members * 0.618), 1)
    while math.gcd(step, members) != 1:
        step += 1
    return (ranks * step + members // 3) % members


def favourite(rng: Random, members: int) -> int:
    """One draw of `popular` for a process that draws as it goes."""
    return min(int(members * ((1.0 + _STEEPNESS) ** rng.random() - 1.0) / _STEEPNESS), members - 1)
