"""What a workload is: contenders that do the same work, and the goals that the work is held against."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import ClassVar

from benchmarks.measure import Figures
from benchmarks.servers import Servers

MIB = 1 << 20
SCHEMA = "bench"
OURS = "ours"


class WrongResult(RuntimeError):
    """A contender ended well and left something else than the source has."""


@dataclass(frozen=True)
class Sizes:
    """How much data: rows of the wide table, MongoDB documents."""

    rows: int
    documents: int


@dataclass(frozen=True)
class Contender:
    """One way to do the work: `script` is what bash runs, with URLs in its environment; `database` is its
    target. `peer` names the tool that it needs, which is installed apart from the project. `remark` is what a
    reader has to know about the figures."""

    name: str
    script: str
    database: str
    peer: str = ""
    remark: str = ""


@dataclass(frozen=True)
class Summary:
    """Medians of a contender's runs; `ratio` is the median of its ratios to the first contender's run in the
    same round. Memory in bytes. `written` are the rows that the runs wrote into the target at most."""

    seconds: float
    cpu: float
    peak: int
    peak_sum: int
    ratio: float | None
    runs: int
    written: int | None


@dataclass(frozen=True)
class Goal:
    """`value` of the summaries may be `limit` at most; None where a contender that it needs is missing."""

    text: str
    limit: float
    unit: str
    value: Callable[[Mapping[str, Summary]], float | None]


class Workload:
    """A work with its contenders; the first of them is the one that the others are compared with."""

    name: ClassVar[str]
    title: ClassVar[str]
    goals: tuple[Goal, ...] = ()

    def __init__(self, servers: Servers, sizes: Sizes) -> None:
        self.servers = servers
        self.sizes = sizes

    def contenders(self) -> Sequence[Contender]:
        raise NotImplementedError

    def prepare(self) -> None:
        """Make the source; once, before the first round."""

    def enter(self, contender: Contender, run: Callable[[Contender], Figures]) -> None:
        """Bring a contender's target to where the rounds start; `run` runs its command, unmeasured."""

    def begin_round(self, number: int) -> None:
        """Change the source, before the contenders of round `number` (from 1) run."""

    def reset(self, contender: Contender) -> None:
        """Make the target ready for one measured run."""

    def check(self, contender: Contender) -> int | None:
        """How many rows the run wrote, None where nobody asks. Raises `WrongResult`."""
        return None

    def environment(self, contender: Contender) -> dict[str, str]:
        """The variables of a contender's command."""
        return self.servers.environment(contender.database)


def summarize(
    runs: Mapping[str, Mapping[int, Figures]], written: Mapping[str, int], reference: str
) -> dict[str, Summary]:
    """Medians of each contender's figures, which are kept by round."""
    summaries = {}
    floor = runs.get(reference, {})
    for name, rounds in runs.items():
        if not rounds:
            continue
        figures = list(rounds.values())
        ratios = [rounds[number].seconds / floor[number].seconds for number in rounds if number in floor]
        summaries[name] = Summary(
            seconds=median(each.seconds for each in figures),
            cpu=median(each.cpu for each in figures),
            peak=max(each.peak for each in figures),
            peak_sum=max(each.peak_sum for each in figures),
            ratio=median(ratios) if ratios else None,
            runs=len(figures),
            written=written.get(name),
        )
    return summaries


def ratio(of: str) -> Callable[[Mapping[str, Summary]], float | None]:
    """The ratio of a contender to the first."""
    return lambda found: found[of].ratio if of in found else None


def memory(of: str) -> Callable[[Mapping[str, Summary]], float | None]:
    """The memory of all processes of a contender, in MiB."""
    return lambda found: found[of].peak_sum / MIB if of in found else None
