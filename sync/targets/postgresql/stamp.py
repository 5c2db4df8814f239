"""What a write marks its rows with: the batch, and the moment that the rows show."""

from __future__ import annotations

from datetime import datetime

from sync.connections.psycopg import Cursor, sql
from sync.state import next_batch


class Stamp:
    """The mark of one write, inside a transaction of the caller.

    `batch` is None until it is drawn: a write that finds nothing to change draws none, and other writers do
    not wait for it.
    """

    def __init__(self, cursor: Cursor, taken_at: datetime) -> None:
        self._cursor = cursor
        self.taken_at = taken_at
        self.batch: int | None = None

    def draw(self) -> int:
        """The batch's number, drawn the first time.

        What a batch wrote outlasts a crash of the server. A crash may undo a transaction without one, and the
        next pass finds nothing new once more.
        """
        if self.batch is None:
            self._cursor.execute("SAVEPOINT drawn; SET LOCAL synchronous_commit TO DEFAULT")
            self.batch = next_batch(self._cursor)
        return self.batch

    def give_back(self) -> None:
        """Take the drawing back, for nothing was written since."""
        if self.batch is not None:
            self._cursor.execute("ROLLBACK TO SAVEPOINT drawn")
            self.batch = None

    def values(self) -> dict[str, sql.Composable]:
        """Both as literals of SQL, `number` and `moment`; draws the batch."""
        return {"number": sql.Literal(self.draw()), "moment": sql.Literal(self.taken_at)}
