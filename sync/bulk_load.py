"""The first load of a table whose rows somebody else has read, as Spark does where a table is very large.

They are kept as those of a first load that was cut off behind its last row. The next pass goes on with it: it
brings the rows up to its own snapshot by the log, counts them there, and makes the table of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from sync.copytext import Chunk
from sync.errors import SyncError
from sync.first_load import FirstReading
from sync.passes import Options
from sync.sources.base import LogSource
from sync.spec import Column, Table
from sync.table_pass import TablePass
from sync.targets.base import Target

Read = Callable[[Sequence[Column]], Iterator[Chunk]]


def keep_first_load(
    table: Table, source: LogSource, target: Target, position: str, read: Read, run_id: str
) -> int:
    """Stage what `read` gives of all columns of `table`, the source's log having stood at `position` before
    the first of it was read. Returns the number of rows.

    Raises `SyncError` where the target has the table already, or its strategy is not to follow the log.
    """
    with target.load(table) as load:
        moving = TablePass(table, source, load, run_id, Options())
        moving.prepare()
        if load.kept is None:
            raise SyncError(
                f"{table.qualified}: only the first load of a table under the strategy log can be taken from"
                f" the lake, and the target has it already, or it is declared otherwise"
            )
        columns = moving.result.columns
        reading = FirstReading(source, table, columns, load, load.kept, observe=lambda _rows: None)
        reading.keep(read(columns), position)
        return reading.rows
