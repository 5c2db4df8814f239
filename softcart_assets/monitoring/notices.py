"""Messages of problems to the addresses in SOFTCART_ALERTS: one when they begin, one when they are over."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import urlsplit

from softcart_assets.monitoring.problems import Problem
from sync.errors import SyncError

VARIABLE = "SOFTCART_ALERTS"
# `team:finance=mailto://…`: of that owner's assets only.
OWNED = re.compile(r"(?P<owner>team:[\w-]+|[^\s=:/@]+@[^\s=:/@]+)=(?P<address>\w+://.+)", re.DOTALL)
NAMED = 20  # problems of a message, and assets of a problem


@dataclass(frozen=True)
class Address:
    """Where messages go; `owner` is empty where it is told of everything. The URL may hold a secret."""

    url: str = field(repr=False)
    owner: str = ""

    def __str__(self) -> str:
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{(parts.hostname or '')[:3]}…"

    def concerns(self, owners: Iterable[str]) -> bool:
        return not self.owner or self.owner in owners


def addresses() -> list[Address]:
    """SOFTCART_ALERTS: Apprise's addresses, separated by blanks, each perhaps with an owner before it.

    Raises `SyncError` for one that is none of Apprise's; the message holds nothing of it but its scheme.
    """
    from apprise import Apprise  # noqa: PLC0415

    found = []
    for number, word in enumerate((os.environ.get(VARIABLE) or "").split(), 1):
        owned = OWNED.fullmatch(word)
        address = Address(owned["address"], owned["owner"]) if owned else Address(word)
        if not Apprise().add(address.url):
            scheme = address.url.partition("://")[0][:12]
            raise SyncError(
                f"{VARIABLE}: address {number} ({scheme}) is none that Apprise knows; they are in its"
                f" documentation, such as mailto://user:<password>@host?to=me@example.com"
            )
        found.append(address)
    return found


def send(address: Address, title: str, body: str) -> bool:
    """Whether the message was taken."""
    from apprise import Apprise, NotifyFormat  # noqa: PLC0415

    sender = Apprise()
    sender.add(address.url)
    return bool(sender.notify(title=title, body=body, body_format=NotifyFormat.TEXT))


def failing_message(problems: Sequence[Problem]) -> tuple[str, str]:
    """Title and text of problems that begin. Those of which the same was said are one paragraph."""
    by_reason: dict[str, list[Problem]] = {}
    for problem in problems:
        by_reason.setdefault(problem.why, []).append(problem)
    paragraphs = [_paragraph(group) for group in list(by_reason.values())[:NAMED]]
    if more := sum(len(group) for group in list(by_reason.values())[NAMED:]):
        paragraphs.append(f"and {more:,} more")
    first = problems[0].key if len(problems) == 1 else f"{len(problems):,} problems"
    return f"SoftCart: {first}", "\n\n".join(paragraphs)


def _paragraph(group: Sequence[Problem]) -> str:
    first = min(group, key=lambda problem: problem.since)
    names = [problem.key for problem in group[:NAMED]]
    more = f" and {len(group) - NAMED:,} more" if len(group) > NAMED else ""
    lines = [
        f"What: {', '.join(names)}{more}",
        f"Why: {first.why}",
        f"Since: {_time(first.since)}",
        f"To repair it: {first.repair}" if first.repair else "",
        f"See: {first.link}" if first.link else "",
    ]
    return "\n".join(filter(None, lines))


def over_message(keys: Mapping[str, float], now: float | None = None) -> tuple[str, str]:
    """Title and text of problems that are over; `keys` have since when they were there."""
    moment = time.time() if now is None else now
    lines = [
        f"{key}: over after {(moment - since) / 60:.0f} minutes" for key, since in list(keys.items())[:NAMED]
    ]
    if more := len(keys) - NAMED:
        lines += [f"and {more:,} more"] if more > 0 else []
    first = f"over: {next(iter(keys))}" if len(keys) == 1 else f"{len(keys):,} problems are over"
    return f"SoftCart: {first}", "\n".join(lines)


def _time(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"
