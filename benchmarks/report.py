"""The measured figures as tables: on the terminal, and as a document with all commands."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import psutil
from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.peers import pins
from benchmarks.runner import Outcome, Scenes
from benchmarks.workloads.base import MIB, Contender, Goal, Summary

SCENES = (
    "Each tool syncs by the time of change while a transaction is open, and once more after it ended. The"
    " values are first loads of a table of two rows, the other one being ordinary. ingestr is told the"
    " greatest time that it has brought over."
)
HEADINGS = ("", "seconds", "ratio", "CPU s", "MiB, largest", "MiB, all", "rows written")


@dataclass(frozen=True)
class Circumstances:
    """Under which the figures were taken. `load` is the one-minute load average before the first run."""

    rounds: int
    load: float
    versions: Mapping[str, str]


def circumstances(rounds: int, versions: Mapping[str, str]) -> Circumstances:
    return Circumstances(rounds, os.getloadavg()[0], {"Python": platform.python_version(), **versions})


def show(outcome: Outcome, console: Console) -> None:
    """One workload's table on the terminal, with its goals."""
    table = Table(box=box.SIMPLE, title=outcome.title, title_justify="left", header_style="dim")
    for heading in HEADINGS:
        table.add_column(heading, justify="right" if heading else "left")
    for row in _rows(outcome):
        table.add_row(*row)
    console.print(table)
    for goal in outcome.goals:
        console.print(f"  {goal.text}: {' '.join(_verdict(goal, outcome.summaries))}")


def show_scenes(scenes: Scenes, console: Console) -> None:
    """What became of hard changes and values, on the terminal."""
    table = Table(box=box.SIMPLE, title="hard changes and values", title_justify="left", header_style="dim")
    for heading in ("", *scenes.tools):
        table.add_column(heading)
    for row in scenes.rows:
        table.add_row(*row)
    console.print(table)


def document(outcomes: Sequence[Outcome], scenes: Scenes | None, under: Circumstances) -> str:
    """Everything as Markdown."""
    memory = psutil.virtual_memory().total / (1 << 30)
    versions = ", ".join(f"{name} {version.partition('-')[0]}" for name, version in under.versions.items())
    lines = [
        "# Measured",
        "",
        f"Written by `make bench` on {datetime.now(UTC):%Y-%m-%d}: rounds: {under.rounds}, {os.cpu_count()}"
        f" cores, {memory:.0f} GiB, {versions}. Load average before the first run: {under.load:.1f}.",
        "",
        "One round is every contender once, in turn and in another order each time. Seconds, ratios and CPU"
        " seconds are medians of the rounds; a ratio is to the first line's run in the same round. CPU and"
        " memory are those of the command's processes without the servers', memory the most of any round.",
        "",
        "| work | goal | measured | |",
        "| --- | --- | --- | --- |",
    ]
    for outcome in outcomes:
        lines += [
            f"| {outcome.title} | {goal.text} | {' | '.join(_verdict(goal, outcome.summaries))} |"
            for goal in outcome.goals
        ]
    for outcome in outcomes:
        lines += [
            "",
            f"## {outcome.title[0].upper()}{outcome.title[1:]}",
            "",
            *_markdown(HEADINGS, _rows(outcome)),
        ]
        lines += [f"\n{each.name}: {each.remark}." for each in outcome.contenders if each.remark]
    if scenes:
        lines += ["", "## Hard changes and values", "", SCENES, ""]
        lines += _markdown(("", *scenes.tools), scenes.rows, "---")
    return "\n".join([*lines, *_commands(outcomes, scenes)]) + "\n"


def _rows(outcome: Outcome) -> list[list[str]]:
    rows = []
    for contender in outcome.contenders:
        found = outcome.summaries.get(contender.name)
        if found:
            rows.append([contender.name, *_cells(found)])
        if contender.name in outcome.failures:
            rows.append([contender.name, "failed", *[""] * (len(HEADINGS) - 2)])
    return rows


def _cells(found: Summary) -> list[str]:
    return [
        f"{found.seconds:.2f}",
        "" if found.ratio is None else f"{found.ratio:.2f}",
        f"{found.cpu:.2f}",
        _mib(found.peak),
        _mib(found.peak_sum),
        "" if found.written is None else f"{found.written:,}",
    ]


def _mib(size: int) -> str:
    """Nothing where the command ended before its memory could be looked at."""
    return f"{size / MIB:.0f}" if size else ""


def _scripts(contenders: Sequence[Contender]) -> list[str]:
    return [line for each in contenders for line in (f"{each.name}:", "", "```sh", each.script, "```", "")]


def _verdict(goal: Goal, summaries: Mapping[str, Summary]) -> tuple[str, str]:
    value = goal.value(summaries)
    if value is None:
        return "not measured", ""
    digits = 0 if goal.unit in ("MiB", "rows") else 2
    shown = f"{value:.{digits}f}{'' if goal.unit == 'x' else ' '}{goal.unit}"
    return shown, "reached" if value <= goal.limit else "missed"


def _markdown(headings: Sequence[str], rows: Sequence[Sequence[str]], alignment: str = "---:") -> list[str]:
    return [
        f"| {' | '.join(headings)} |",
        f"| --- |{f' {alignment} |' * (len(headings) - 1)}",
        *(f"| {' | '.join(row)} |" for row in rows),
    ]


def _commands(outcomes: Sequence[Outcome], scenes: Scenes | None) -> list[str]:
    lines = [
        "",
        "## Commands",
        "",
        "`$SOURCE_URL`, `$MONGO_URL` and `$TARGET_URL` are the servers' URLs.",
        "",
    ]
    peers: dict[str, None] = {}
    if scenes:
        lines += ["### Hard changes and values", "", *_scripts(scenes.contenders)]
    for outcome in outcomes:
        lines += [f"### {outcome.title[0].upper()}{outcome.title[1:]}", "", *_scripts(outcome.contenders)]
        peers |= {each.peer: None for each in outcome.contenders if each.peer}
        lines += [f"{name} failed: {why.splitlines()[-1]}\n" for name, why in outcome.failures.items()]
    return [*lines, "## Peers", "", *(f"- {peer}: {pins(peer)}" for peer in peers)]
