"""The three-way merge's rule, which every keyed file and every dump follows.

For a row `f` of the file, `l` is what the file said of its key when it was landed last and `s` what the shop
has now. What the shop itself changed since, a deletion included, wins; a line that vanished from the file
has no `f` and changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum


class Verdict(StrEnum):
    """What becomes of a row of the file."""

    KNOWN = "known"  # the file says what it said before
    ADOPTED = "adopted"  # the shop has exactly this already
    INSERTED = "inserted"
    UPDATED = "updated"
    CONFLICT = "conflict"  # file and shop both changed it, the shop wins


def decide(known: bool, landed: bool, kept: bool, equal: bool, unchanged: bool) -> Verdict:
    """The rule itself. `landed`: the key was landed before, `known`: with these values; `kept`: the shop has
    the key, `equal`: with the file's values, `unchanged`: with those that were landed last."""
    if known:
        return Verdict.KNOWN
    if kept and equal:
        return Verdict.ADOPTED
    if not landed and not kept:
        return Verdict.INSERTED
    return Verdict.UPDATED if kept and unchanged else Verdict.CONFLICT


def verdict_sql(landed: str, kept: str, same: Callable[[str, str], str]) -> str:
    """The rule as an SQL expression over aliases f, l and s; `landed` and `kept` are conditions, and
    `same(a, b)` compares the rows of two aliases."""
    return (
        f"CASE WHEN {landed} AND {same('f', 'l')} THEN '{Verdict.KNOWN}'"
        f" WHEN {kept} AND {same('f', 's')} THEN '{Verdict.ADOPTED}'"
        f" WHEN NOT ({landed}) AND NOT ({kept}) THEN '{Verdict.INSERTED}'"
        f" WHEN {landed} AND {kept} AND {same('l', 's')} THEN '{Verdict.UPDATED}'"
        f" ELSE '{Verdict.CONFLICT}' END"
    )
