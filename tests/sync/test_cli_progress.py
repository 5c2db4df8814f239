"""What is shown of a pass that is under way."""

from __future__ import annotations

import os
import select
import sys
from itertools import chain, repeat

import pytest

from sync.cli import progress as module
from sync.cli.progress import progress

ERASED = "\x1b[2K"  # the line is


def test_without_a_terminal_a_line_appears_every_ten_seconds(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = chain([0.0, 4.0, 10.0, 15.0, 20.0], repeat(21.0))
    monkeypatch.setattr(module.time, "monotonic", lambda: next(clock))
    with progress("raw.sales_data") as observe:
        observe(400, 3000)
        observe(1000, 3000)
        observe(1500, 3000)
        observe(4000, 3000)
        observe(4100, None)
    assert capsys.readouterr().err.splitlines() == [
        "raw.sales_data: 1,000 rows read, 100 rows/s, about 20 s left",
        "raw.sales_data: 4,000 rows read, 200 rows/s",
    ]


def test_a_terminal_shows_a_bar_and_takes_it_away_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SILENT_SECONDS", 0.0)
    monkeypatch.setenv("TERM", "xterm")
    ours, theirs = os.openpty()
    with os.fdopen(theirs, "w") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        with progress("raw.[sales]") as observe:
            observe(1500, 3000)
        terminal.flush()
        shown = ""
        while not shown.endswith(ERASED) and select.select([ours], [], [], 5.0)[0]:
            shown += os.read(ours, 1 << 16).decode()  # a terminal passes on what it has so far
    os.close(ours)
    assert "raw.[sales]" in shown
    assert "1,500 rows" in shown
    assert shown.endswith(ERASED)
