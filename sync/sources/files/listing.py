"""What is listed, held against the set of objects that are known to have been read.

Nothing is found by its time: an upload may end after one that began later, and carries the earlier time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sync.errors import SyncError
from sync.objects import SourceObject
from sync.spec import Strategy, Table

NAMED = 5


@dataclass(frozen=True)
class Difference:
    """The objects to read, and the names of those that were read before and are not listed any more."""

    wanted: tuple[SourceObject, ...]
    gone: tuple[str, ...]


def compare(
    table: Table,
    place: str,
    listed: Sequence[SourceObject],
    known: Mapping[str, SourceObject],
    everything: bool,
    accept_gone: bool,
) -> Difference:
    """What a pass has to read: what is new or was replaced, or all of it where `everything` is asked for.

    Under the strategy full all objects together are the table, so one that changed means that all are read,
    and a listing that lacks one that was read is refused unless `accept_gone`: its rows would be deleted.
    Raises `SyncError` for that.
    """
    gone = tuple(sorted(known.keys() - {each.name for each in listed}))
    changed = tuple(each for each in listed if not each.is_same(known.get(each.name)))
    if table.strategy is not Strategy.FULL:
        return Difference(tuple(listed) if everything else changed, gone)
    if gone and not accept_gone:
        names = ", ".join(gone[:NAMED]) + (", …" if len(gone) > NAMED else "")
        raise SyncError(
            f"{table.qualified}: {place} lists {len(listed)} objects, and lacks {len(gone)} that its rows"
            f" come from: {names}. Nothing was deleted: restore them, or reload the table"
        )
    return Difference(tuple(listed) if everything or changed or gone else (), gone)
