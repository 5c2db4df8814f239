"""Runs workloads: interleaved, one round being every contender once."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measure import ContenderFailed, Figures, run
from benchmarks.peers import PeerMissing, install
from benchmarks.scenarios import Scenarios, tools
from benchmarks.servers import Servers
from benchmarks.workloads.base import Contender, Goal, Sizes, Summary, Workload, WrongResult, summarize
from stack.home import CLONE
from sync.errors import SyncError

Say = Callable[[str], None]
CHANGED_SHARE = 10
# No tool calls home: a machine without a way out would make it wait, and the wait would be measured.
QUIET = {
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    "INGESTR_DISABLE_TELEMETRY": "true",
    "DISABLE_TELEMETRY": "true",
    "SLING_DISABLE_TELEMETRY": "true",
}


@dataclass(frozen=True)
class Scenes:
    """What became of each scenario, a row each, by tool."""

    tools: list[str]
    rows: list[list[str]]
    contenders: tuple[Contender, ...]


@dataclass(frozen=True)
class Outcome:
    """What came of a workload. `failures` say why a contender has no figures, or none of later rounds."""

    title: str
    contenders: tuple[Contender, ...]
    goals: tuple[Goal, ...]
    summaries: dict[str, Summary]
    failures: dict[str, str]


class Runner:
    """Takes `rounds` measurements of every contender whose peer is among `peers`."""

    def __init__(
        self, servers: Servers, sizes: Sizes, rounds: int, peers: Collection[str], home: Path, say: Say
    ) -> None:
        self._servers = servers
        self._sizes = sizes
        self._rounds = rounds
        self._home = home
        self._say = say
        self._state = servers.home.root / "peers"
        self._peers = {peer: self._install(peer) for peer in peers}

    def measure(self, kind: type[Workload]) -> Outcome:
        """All rounds of one workload. A contender that fails is left out from there on, and reported."""
        workload = kind(self._servers, self._sizes)
        title = workload.title.format(
            rows=self._sizes.rows,
            changes=self._sizes.rows // CHANGED_SHARE,
            events=self._sizes.rows * 3 // 10,
            documents=self._sizes.documents,
            document_events=self._sizes.documents // 2,
        )
        self._say(title)
        everyone = workload.contenders()
        contenders = [each for each in everyone if self._wanted(each)]
        failures = {each.name: why for each in contenders if (why := self._peers.get(each.peer))}
        runs: dict[str, dict[int, Figures]] = {each.name: {} for each in contenders}
        written: dict[str, int] = {}
        shutil.rmtree(self._state, ignore_errors=True)
        workload.prepare()
        self._enter(workload, contenders, failures)
        for number in range(1, self._rounds + 1):
            workload.begin_round(number)
            for contender in _rotated(contenders, number - 1):
                if contender.name not in failures:
                    self._once(workload, contender, number, runs, written, failures)
        summaries = summarize(runs, written, everyone[0].name)
        return Outcome(title, tuple(contenders), workload.goals, summaries, failures)

    def scenarios(self) -> Scenes:
        """What becomes of hard changes and values in each tool that can be had."""
        self._say("hard changes and values")
        shutil.rmtree(self._state, ignore_errors=True)
        taking_part = [tool for tool in tools() if not self._peers.get(tool.peer) and self._wanted(tool)]

        def run_tool(tool: Contender, variables: dict[str, str]) -> Figures:
            variables = {**self._servers.environment(tool.database), **variables}
            return self._run_script(tool, variables)

        rows = Scenarios(self._servers, taking_part, run_tool).rows()
        return Scenes([tool.name for tool in taking_part], rows, tuple(taking_part))

    def _wanted(self, contender: Contender) -> bool:
        return not contender.peer or contender.peer in self._peers

    def _install(self, peer: str) -> str:
        """Why a peer cannot take part; empty where it can."""
        try:
            install(peer, self._home)
        except PeerMissing as error:
            self._say(str(error))
            return str(error)
        return ""

    def _enter(self, workload: Workload, contenders: Sequence[Contender], failures: dict[str, str]) -> None:
        for contender in contenders:
            if contender.name in failures:
                continue
            try:
                workload.enter(contender, lambda each: self._run(workload, each))
            except (ContenderFailed, SyncError) as error:
                self._fail(contender, str(error), failures)

    def _once(
        self,
        workload: Workload,
        contender: Contender,
        number: int,
        runs: dict[str, dict[int, Figures]],
        written: dict[str, int],
        failures: dict[str, str],
    ) -> None:
        try:
            workload.reset(contender)
            self._servers.settle()
            figures = self._run(workload, contender)
            rows = workload.check(contender)
        except (ContenderFailed, WrongResult, SyncError) as error:
            self._fail(contender, str(error), failures)
            return
        runs[contender.name][number] = figures
        if rows is not None:
            written[contender.name] = max(rows, written.get(contender.name, 0))
        self._say(f"  round {number}: {contender.name:14} {figures.seconds:7.2f} s")

    def _run(self, workload: Workload, contender: Contender) -> Figures:
        return self._run_script(contender, workload.environment(contender))

    def _run_script(self, contender: Contender, variables: Mapping[str, str]) -> Figures:
        environment = {
            **variables,
            "PYTHON": sys.executable,
            "PEERS": str(self._home / "peers"),
            "DLT_STATE": str(self._state),
            **QUIET,
        }
        return run(contender.script, environment, CLONE)

    def _fail(self, contender: Contender, why: str, failures: dict[str, str]) -> None:
        failures[contender.name] = why
        self._say(f"  {contender.name} failed: {why}")


def _rotated(contenders: Sequence[Contender], by: int) -> list[Contender]:
    """Another one begins in every round, so that what a run leaves behind does not always meet the same."""
    start = by % len(contenders)
    return [*contenders[start:], *contenders[:start]]
