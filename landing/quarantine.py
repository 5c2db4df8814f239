"""A landed file's rejected lines in staging's `quarantine.rejected_rows`, replaced at each landing."""

from __future__ import annotations

from landing.result import LandingError
from sync.connections.psycopg import Cursor, execute_values
from sync.state import next_batch

LINES_HELD = 1000
LINES_SHOWN = 3
SHOWN_BY = "python -m sync quarantine --to env:SOFTCART_STAGING_URL"


class RejectedLines:
    """The rejected lines of one landing, kept beside the quarantine until `replace`.

    Works inside the transaction of `cursor`. Memory does not grow with the number of lines.
    """

    def __init__(self, cursor: Cursor, table: str, file: str) -> None:
        self.count = 0
        self._cursor = cursor
        self._table = table
        self._file = file
        self._held: list[tuple[int, str, str]] = []
        self._first: list[str] = []
        cursor.execute(
            "CREATE TEMPORARY TABLE rejected_lines (number bigint, raw text, reason text) ON COMMIT DROP"
        )

    def reject(self, number: int, raw: str, reason: str) -> None:
        """Take a line that cannot be landed; a reason may quote what a server has said."""
        self.count += 1
        if len(self._first) < LINES_SHOWN:
            self._first.append(f"line {number}: {reason}")
        reason = reason.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")
        self._held.append((number, raw, reason))
        if len(self._held) == LINES_HELD:
            self._flush()

    def refusal(self, lines: int, most: float | None) -> LandingError | None:
        """Why the file is not landed: it has no good line, or more than the share `most` of its lines was
        rejected."""
        if not self.count or (self.count < lines and (most is None or self.count <= most * lines)):
            return None
        share = f", more than {most:g} (SOFTCART_MAX_REJECTED_SHARE)" if self.count < lines else ""
        return LandingError(
            f"{self._file}: {self.count} of {lines} lines cannot be landed{share}; no line of it was landed."
            f" {'; '.join(self._first)}. {SHOWN_BY} shows them"
        )

    def replace(self) -> None:
        """Put these lines in the place of those that the file's last landing rejected."""
        self._flush()
        self._cursor.execute(
            "DELETE FROM quarantine.rejected_rows WHERE table_name = %s AND starts_with(key, %s)",
            (self._table, f"{self._file}:"),
        )
        if self.count:
            self._cursor.execute(
                "INSERT INTO quarantine.rejected_rows (table_name, key, reason, raw, batch)"
                " SELECT %s, %s || number, reason, raw, %s FROM rejected_lines ORDER BY number",
                (self._table, f"{self._file}:", next_batch(self._cursor)),
            )

    def _flush(self) -> None:
        execute_values(self._cursor, "INSERT INTO rejected_lines VALUES %s", self._held, page_size=LINES_HELD)
        self._held = []


def quarantined_lines(cursor: Cursor, table: str, file: str) -> int:
    """How many lines of the file the quarantine holds."""
    cursor.execute(
        "SELECT count(*) FROM quarantine.rejected_rows WHERE table_name = %s AND starts_with(key, %s)",
        (table, f"{file}:"),
    )
    row = cursor.fetchone()
    return int(row[0]) if row else 0
