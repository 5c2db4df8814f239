"""How every file is landed: skip it if it is the one that was landed last, else read it beside the target,
quarantine what cannot be landed, then merge the rest.

The quarantine is written before the rows, since the two may be in different databases: a landing that is
killed in between has not remembered the file, so the next one does all of it again.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Protocol, TypeVar

from landing.landing_file import Memory, check_unchanged, content_hash, reader_version
from landing.lines import Line, Reader, Reject
from landing.quarantine import RejectedLines, quarantined_lines
from landing.result import LandingResult, Merged
from sync.connections.postgresql import postgresql_errors
from sync.connections.psycopg import Connection
from sync.state import lease, prepare

Content = TypeVar("Content")


class Declaration(Protocol):
    """What a file is called and where it goes. Its `repr` says all that its reading depends on."""

    @property
    def name(self) -> str: ...

    @property
    def target(self) -> str:
        """`schema.table`, or `catalog.collection`."""


class Store(Protocol[Content]):
    """Where one file goes."""

    def remembered(self) -> Memory | None:
        """What the last landing that committed has left."""

    def stage(self, rows: Iterator[Line[Content]], reject: Reject) -> None:
        """Take the rows beside the target; those that it cannot hold, and all but the first of one key, are
        rejected."""

    def merge(self, memory: Memory) -> Merged:
        """Merge what was staged, in one transaction with what is remembered of it: per line or key, and
        `memory`, whose outcome still lacks what the merge finds out."""


def land(
    declared: Declaration,
    reader: Reader[Content] | None,
    store: Store[Content],
    staging: Connection,
    max_rejected_share: float | None = None,
) -> LandingResult:
    """Land one file; `reader` is None where there is none.

    Raises `LandingError` for a file that is something else, has no good line, or has more than the share
    `max_rejected_share` of rejected ones: then none was landed, and the rejected ones are in quarantine.
    Raises `LeaseTaken` if another landing of the file is not done within a minute.
    """
    started = time.monotonic()
    if reader is None:
        return LandingResult(declared.name, declared.target, present=False)
    outcome = LandingResult(declared.name, declared.target, present=True)
    memory = Memory(content_hash(reader.path), reader_version(declared), outcome)
    with postgresql_errors(f"{declared.name} into {declared.target}"):
        prepare(staging)
        result = _landed_before(memory, store, staging)
        if result is None:
            with lease(staging, f"landing {declared.target} {declared.name}"):
                result = _landed_before(memory, store, staging)
                result = result or _land(memory, reader, store, staging, max_rejected_share)
    return replace(result, seconds=time.monotonic() - started)


def _landed_before(memory: Memory, store: Store[Content], staging: Connection) -> LandingResult | None:
    """What came of the same file, unless staging was rebuilt since and lost its quarantined lines."""
    before = store.remembered()
    if before is None or (before.content, before.reader) != (memory.content, memory.reader):
        return None
    with staging, staging.cursor() as cursor:
        held = quarantined_lines(cursor, memory.outcome.target, memory.outcome.file)
    return before.outcome.repeated() if held == before.outcome.quarantined else None


def _land(
    memory: Memory,
    reader: Reader[Content],
    store: Store[Content],
    staging: Connection,
    max_rejected_share: float | None,
) -> LandingResult:
    with staging, staging.cursor() as cursor:
        rejected = RejectedLines(cursor, memory.outcome.target, memory.outcome.file)
        store.stage(reader.rows(rejected.reject), rejected.reject)
        check_unchanged(reader.path, memory.content)
        rejected.replace()
    if refusal := rejected.refusal(reader.lines, max_rejected_share):
        raise refusal
    good = replace(
        memory.outcome,
        rows_in_file=reader.lines,
        unchanged=reader.lines - rejected.count,
        quarantined=rejected.count,
        ignored_columns=reader.ignored_columns,
    )
    return good.merged(store.merge(replace(memory, outcome=good)))
