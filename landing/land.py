"""How every file is landed: skip it if it is the one that was landed last, else read it beside the target,
quarantine what cannot be landed, then merge the rest.

The quarantine is written before the rows, since the two may be in different databases: a landing that is
killed in between has not remembered the file, so the next one does all of it again.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Protocol, TypeVar

from psycopg2.extensions import connection as Connection

from landing.landing_file import Memory, content_hash, reader_version
from landing.lines import Line, Reader, Reject
from landing.quarantine import RejectedLines, quarantined_lines
from landing.result import LandingResult, Merged
from sync.connections import postgresql_errors
from sync.state import prepare

Content = TypeVar("Content")


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
    name: str,
    target: str,
    declaration: object,
    reader: Reader[Content] | None,
    store: Store[Content],
    staging: Connection,
    max_rejected_share: float | None = None,
) -> LandingResult:
    """Land one file; `reader` is None where there is none.

    Raises `LandingError` for a file that is something else or has too many rejected lines; then nothing was
    written.
    """
    started = time.monotonic()
    if reader is None:
        return LandingResult(name, target, present=False)
    content, version = content_hash(reader.path), reader_version(declaration)
    with postgresql_errors(f"{name} into quarantine"):
        prepare(staging)
        memory = store.remembered()
        with staging, staging.cursor() as cursor:
            if (
                memory is not None
                and memory.is_of(content, version)
                # Staging may have been rebuilt since, and the file's quarantine with it.
                and memory.outcome.quarantined == quarantined_lines(cursor, target, name)
            ):
                return memory.outcome.repeated(time.monotonic() - started)
            rejected = RejectedLines(cursor, target, name)
            store.stage(reader.rows(rejected.reject), rejected.reject)
            rejected.check_share(reader.lines, max_rejected_share)
            rejected.replace()
    good = LandingResult(
        name,
        target,
        present=True,
        rows_in_file=reader.lines,
        unchanged=reader.lines - rejected.count,
        quarantined=rejected.count,
        ignored_columns=reader.ignored_columns,
    )
    merged = store.merge(Memory(content, version, good))
    return good.merged(merged, time.monotonic() - started)
