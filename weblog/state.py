"""How far each reader has come in the log, kept in staging in one transaction with what it made of it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Protocol

from sync.connections.postgresql import postgresql_errors
from sync.connections.psycopg import Connection, Cursor
from sync.errors import SyncError
from sync.state import lease, prepare
from weblog.logs import Log, LogStatus, Stat, recognise
from weblog.reading import LogReader

_TABLES = """
CREATE TABLE IF NOT EXISTS weblog.logs (
    reader text, number integer, name text NOT NULL,
    device numeric, inode numeric, size bigint, modified_ns bigint,
    head_bytes integer NOT NULL, head text NOT NULL,
    read_to bigint NOT NULL, lines bigint NOT NULL, tail text NOT NULL,
    PRIMARY KEY (reader, number)
);
COMMENT ON TABLE weblog.logs IS 'The files of the web log, and how far each reader has come in them';
COMMENT ON COLUMN weblog.logs.head IS 'SHA-256 of the first head_bytes, by which the log is known again';
COMMENT ON COLUMN weblog.logs.tail IS 'SHA-256 of the last 4096 bytes before read_to';
CREATE TABLE IF NOT EXISTS weblog.parts (
    reader text, log integer, start bigint,
    stop bigint NOT NULL, first_line bigint NOT NULL, lines bigint NOT NULL,
    PRIMARY KEY (reader, log, start),
    FOREIGN KEY (reader, log) REFERENCES weblog.logs ON DELETE CASCADE
);
COMMENT ON TABLE weblog.parts IS 'What was read at once, from byte to byte of the unpacked log';
"""
_LOG = "number, name, device, inode, size, modified_ns, head_bytes, head, read_to, lines, tail"


@dataclass(frozen=True)
class Part:
    """What was read of a log at once: from byte `start` to `stop`, beginning with line `first_line` (from
    1)."""

    log: int
    start: int
    stop: int
    first_line: int
    lines: int

    @property
    def name(self) -> str:
        """What its files are called."""
        return f"{self.log:04}-{self.start:015}"


Commit = Callable[[Cursor, Part], None]


@dataclass(frozen=True)
class Found:
    """A file of the log and what it is to the reader; `replaced` is the number of the log whose place it
    takes."""

    path: Path
    status: LogStatus
    log: Log
    replaced: int | None = None


def archive_root(home: Path) -> Path:
    """Where what was read of the log is kept, a folder for each staging database: SOFTCART_WEBLOG, or
    `weblog` in the platform's home."""
    named = os.environ.get("SOFTCART_WEBLOG")
    return Path(named).expanduser() if named else home / "weblog"


def ensure_state(staging: Connection) -> None:
    """Create the tables of the state where they are missing."""
    with postgresql_errors("the web log's state"):
        prepare(staging, ("weblog",))
        with staging, staging.cursor() as cursor:
            cursor.execute("SELECT to_regclass('weblog.parts') IS NULL")
            if cursor.fetchone() == (True,):
                cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('softcart weblog', 0))")
                cursor.execute(_TABLES)


class State:
    """One reader's state. Its transactions are short; the lease keeps a second run of the reader out.

    `on_replaced` is called in the transaction that forgets a log whose place another takes.
    """

    def __init__(self, staging: Connection, reader: str) -> None:
        self.staging = staging
        self.reader = reader
        self.on_replaced: Callable[[Cursor], None] = lambda _cursor: None

    @contextmanager
    def held(self) -> Iterator[None]:
        """Raises `LeaseTaken` where another run is not done within a minute."""
        with postgresql_errors("the web log's state"):
            ensure_state(self.staging)
            with lease(self.staging, f"weblog {self.reader}"):
                yield

    def logs(self) -> list[Log]:
        """The logs that were read, in the order in which they were met."""
        with self.staging, self.staging.cursor() as cursor:
            cursor.execute(
                f"SELECT {_LOG} FROM weblog.logs WHERE reader = %s ORDER BY number", (self.reader,)
            )
            return [
                Log(number, name, _stat(stat), *read)
                for number, name, *stat, head_bytes, head, offset, lines, tail in cursor
                for read in [(head_bytes, head, offset, lines, tail)]
            ]

    def parts(self) -> list[Part]:
        """What was read, in the order of the log's lines."""
        with self.staging, self.staging.cursor() as cursor:
            cursor.execute(
                "SELECT log, start, stop, first_line, lines FROM weblog.parts"
                " WHERE reader = %s ORDER BY log, start",
                (self.reader,),
            )
            return [Part(*row) for row in cursor]

    def find(self, path: Path, notes: list[str]) -> Found:
        """What a file is to this reader; what a person should know of it is added to `notes`."""
        known = self.logs()
        status, log = recognise(path, known)
        if status is LogStatus.SHORTER:
            notes.append(f"{path.name} is the beginning of a log that was read before; nothing of it is new")
        if log is None or status is LogStatus.REWRITTEN:
            if log is not None:
                notes.append(f"{path.name} was changed where it had been read already, so it is read anew")
            number = max((each.number for each in known), default=0) + 1
            return Found(path, status, Log(number, path.name), log.number if log else None)
        return Found(path, status, log)

    def store(self, cursor: Cursor, log: Log, part: Part | None = None, replaced: int | None = None) -> None:
        """Note, in the caller's transaction, how far a log was read and the part that this has brought; the
        log numbered `replaced` is forgotten."""
        if replaced is not None:
            cursor.execute(
                "DELETE FROM weblog.logs WHERE reader = %s AND number = %s RETURNING name",
                (self.reader, replaced),
            )
            cursor.execute(
                "DELETE FROM quarantine.rejected_rows WHERE table_name = %s AND starts_with(key, %s)",
                (f"weblog.{self.reader}", f"{(cursor.fetchone() or ('',))[0]}:"),
            )
            self.on_replaced(cursor)
        stat = log.stat
        cursor.execute(
            "INSERT INTO weblog.logs VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
            " ON CONFLICT (reader, number) DO UPDATE SET name = excluded.name, device = excluded.device,"
            " inode = excluded.inode, size = excluded.size, modified_ns = excluded.modified_ns,"
            " head_bytes = excluded.head_bytes, head = excluded.head, read_to = excluded.read_to,"
            " lines = excluded.lines, tail = excluded.tail",
            (
                self.reader, log.number, log.name,
                *((stat.device, stat.inode, stat.size, stat.modified_ns) if stat else (None,) * 4),
                log.head_bytes, log.head, log.offset, log.lines, log.tail,
            ),
        )  # fmt: skip
        if part:
            cursor.execute(
                "INSERT INTO weblog.parts VALUES (%s, %s, %s, %s, %s, %s)",
                (self.reader, part.log, part.start, part.stop, part.first_line, part.lines),
            )


def _stat(values: Sequence[int | None]) -> Stat | None:
    return None if values[0] is None else Stat(*(int(value or 0) for value in values))


def gone(file: str, reader: str) -> SyncError:
    """What to say where a file is missing that the state knows."""
    return SyncError(
        f"{file} is gone, which staging says was read of the web log: bring it back, or let the log be read"
        f" anew: DELETE FROM weblog.logs WHERE reader = '{reader}'"
    )


class Make(Protocol):
    """Takes the chunks of a part into files that are named after it."""

    def __call__(self, part: Part, name: str, chunks: Iterator[bytes]) -> Commit:
        """`part` does not know yet where it ends; `name` is the log's file. What is returned is called in the
        transaction that stores the position."""


def read_new(
    state: State, files: Sequence[Path], make: Make, notes: list[str], limit: int | None = None
) -> list[Part]:
    """Let `make` take the new lines of each file, about `limit` bytes at once, and store how far it came.

    Returns the parts that were read; what a person should know is added to `notes`. Raises `SyncError` for
    a file that cannot be read.
    """
    made: list[Part] = []
    for path in files:
        stat = Stat.of(path)
        found = state.find(path, notes)
        if found.status is LogStatus.UNCHANGED or found.status is LogStatus.SHORTER:
            continue
        with LogReader(path, replace(found.log, name=path.name)) as reader:
            replaced = found.replaced
            while part := _take(state, reader, make, limit, replaced):
                made.append(part)
                replaced = None
            if reader.held_back:
                notes.append(f"{path.name}: its last line is not whole yet and waits for its end")
            if reader.log.offset:
                # Only now: what the file system said is stored with a log that was read to its end.
                with state.staging, state.staging.cursor() as cursor:
                    state.store(cursor, replace(reader.log, stat=stat))
    return made


def _take(
    state: State, reader: LogReader, make: Make, limit: int | None, replaced: int | None
) -> Part | None:
    """The next part, read and stored; None at the log's end."""
    before = reader.log
    chunks = reader.chunks(limit)
    first = next(chunks, None)
    if first is None:
        return None
    part = Part(before.number, before.offset, before.offset, before.lines + 1, 0)
    commit = make(part, reader.path.name, chain([first], chunks))
    part = replace(part, stop=reader.log.offset, lines=reader.log.lines - before.lines)
    with state.staging, state.staging.cursor() as cursor:
        state.store(cursor, reader.log, part, replaced)
        commit(cursor, part)
    return part
