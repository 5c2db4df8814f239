"""How live traffic looks: one line of counters on a terminal, a plain line every few seconds elsewhere."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.live import Live
from rich.text import Text

from demo.shop import EFFECTS
from demo.traffic import Totals

_PLAIN_LINE_SECONDS = 5.0


class Display:
    """A `Progress` on the console, to be used in a `with` block."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(Text("opening the shop"), console=console, refresh_per_second=4, transient=True)
        self._start = self._last_line = time.monotonic()

    def __enter__(self) -> Display:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def counters(self, totals: Totals) -> None:
        now = time.monotonic()
        if self._console.is_terminal:
            self._live.update(Text(self.line(totals), no_wrap=True, overflow="ellipsis"))
        elif now - self._last_line >= _PLAIN_LINE_SECONDS:
            self._last_line = now
            self.note(self.line(totals))

    def note(self, text: str) -> None:
        self._console.print(text, highlight=False, markup=False, soft_wrap=True)

    def line(self, totals: Totals) -> str:
        """`01:05  325 acts  sales 290 · corrected 21 · …`"""
        minutes, seconds = divmod(int(time.monotonic() - self._start), 60)
        counts = " · ".join(f"{name} {totals.changed[name]:,}" for name in EFFECTS if totals.changed[name])
        return f"{minutes:02}:{seconds:02}  {totals.acts:,} acts  {counts or 'nothing to act on yet'}"
