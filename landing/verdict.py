"""The three-way merge's rule, which every keyed file and every dump follows.

For a row `f` of the file, `l` is what the file said of its key when it was landed last and `s` what the shop
has now. What the shop itself changed since, a deletion included, wins; a line that vanished from the file
has no `f` and changes nothing.
"""

from __future__ import annotations

from enum import StrEnum


class Verdict(StrEnum):
    """What becomes of a row of the file."""

    KNOWN = "known"  # the file says what it said before
    ADOPTED = "adopted"  # the shop has exactly this already
    INSERTED = "inserted"
    UPDATED = "updated"
    CONFLICT = "conflict"  # file and shop both changed it, the shop wins


def decide(landed: bool, kept: bool, file_as_landed: bool, file_as_kept: bool, as_landed: bool) -> Verdict:
    """The rule. `landed`: the key was landed before; `kept`: the shop has it; the file's row equals what was
    landed, or what the shop has; the shop's row still is `as_landed`."""
    if landed and file_as_landed:
        return Verdict.KNOWN
    if kept and file_as_kept:
        return Verdict.ADOPTED
    if not landed and not kept:
        return Verdict.INSERTED
    return Verdict.UPDATED if landed and kept and as_landed else Verdict.CONFLICT


# The same rule as an SQL expression; its fields are conditions of the dialect, named as above.
VERDICT_SQL = (
    f"CASE WHEN {{landed}} AND {{file_as_landed}} THEN '{Verdict.KNOWN}'"
    f" WHEN {{kept}} AND {{file_as_kept}} THEN '{Verdict.ADOPTED}'"
    f" WHEN NOT {{landed}} AND NOT {{kept}} THEN '{Verdict.INSERTED}'"
    f" WHEN {{landed}} AND {{kept}} AND {{as_landed}} THEN '{Verdict.UPDATED}'"
    f" ELSE '{Verdict.CONFLICT}' END"
)
