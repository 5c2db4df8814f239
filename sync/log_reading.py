"""The log's changes and their rows, batch after batch, read while earlier ones are applied."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from sync.ahead import ahead
from sync.completeness import read_whole
from sync.connections.postgresql import named
from sync.copytext import Chunk
from sync.errors import SyncError
from sync.first_load import log_position
from sync.sources.base import LogSnapshot, Source
from sync.spec import Column, Table

BATCH_KEYS = 50_000  # distinct keys after which a batch ends, with a transaction of the source
WAITING_BYTES = 16 << 20  # read, and not yet staged


@dataclass(frozen=True)
class Portion:
    """Rows of a table: `keys` are those that the log named, as COPY lines, `chunk` the rows found of them."""

    table: Table
    keys: bytes
    chunk: Chunk


@dataclass(frozen=True)
class Failure:
    """A table whose rows cannot be read."""

    table: Table
    error: SyncError


@dataclass(frozen=True)
class End:
    """A batch was read: the source at `taken_at`. `positions` are where each table is to be followed from;
    `reloads` the reasons for which tables were read whole."""

    taken_at: datetime
    positions: dict[Table, str]
    reloads: dict[Table, str]


@dataclass(frozen=True)
class LogReading:
    """How tables of a source are read: `columns` tells those of a table, `before_reload` refuses one that
    cannot be read whole; `once` is for a dry run, after which no batch follows."""

    source: Source
    columns: Callable[[Table], tuple[Column, ...]]
    before_reload: Callable[[Table], None]
    once: bool

    def batches(self, starts: Mapping[Table, str]) -> Generator[Portion | Failure | End, None, None]:
        """The portions of each batch and its end, until the log was read up to a snapshot.

        Raises `SyncError` where the log does not lead from the tables' positions to the snapshot.
        """
        with closing(ahead(self._read(dict(starts)), WAITING_BYTES, _size)) as items:
            yield from items

    def _read(self, starts: dict[Table, str]) -> Generator[Portion | Failure | End, None, None]:
        complete = False
        while starts and not complete:
            with self.source.snapshot() as opened:
                snapshot = cast("LogSnapshot", opened)
                changes = snapshot.changes(starts, BATCH_KEYS)
                complete = changes.complete or self.once
                reloads: dict[Table, str] = {}
                for table in [*changes.touched]:
                    touched = changes.touched.pop(table)
                    columns = self.columns(table)
                    try:
                        if touched.reload is None:
                            for keys, chunk in snapshot.reread(table, columns, touched):
                                yield Portion(table, keys, chunk)
                            starts[table] = changes.position
                        else:
                            self.before_reload(table)
                            for chunk in read_whole(snapshot, table, columns):
                                yield Portion(table, b"", chunk)
                            reloads[table] = touched.reload
                            starts[table] = log_position(table, self.source, snapshot)
                    except Exception as error:
                        del starts[table]
                        yield Failure(table, named(table.qualified, error))
                yield End(snapshot.taken_at, dict(starts), reloads)


def _size(item: Portion | Failure | End) -> int:
    return len(item.keys) + len(item.chunk.lines) if isinstance(item, Portion) else 0
