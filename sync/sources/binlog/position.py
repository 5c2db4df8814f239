"""A place in the binlog: file and offset, and the transactions before it.

File and offset cost the server nothing to find but mean something on that server alone; the GTIDs survive a
failover. Both are kept. The text is the JSON of `binlog_position`, with the server's identity in it where
file, offset and GTIDs are known to belong together: then the log is entered by file and offset.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from sync.errors import SyncError

# The way out of a lost position.
RELOAD = "Reload the table: `--reload` on the command line, `reload: true` in the asset's run config"


@dataclass(frozen=True)
class Position:
    """`offset` in bytes. `server` is empty for a position that was read from a status."""

    file: str
    offset: int
    gtids: str = ""
    server: str = ""

    @classmethod
    def parse(cls, text: str) -> Position:
        """Raises `SyncError` for what is no position of a binlog."""
        try:
            value = json.loads(text)
            return cls(value["file"], int(value["position"]), value.get("gtid", ""), value.get("server", ""))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise SyncError(f"{text[:200]!r} is no binlog position. {RELOAD}") from error

    @property
    def order(self) -> tuple[int, int]:
        """The file's number and the offset, to compare places in one server's log."""
        return file_number(self.file), self.offset

    def __str__(self) -> str:
        value = {"file": self.file, "position": self.offset, "gtid": self.gtids}
        return json.dumps({**value, "server": self.server} if self.server else value)


def file_number(file: str) -> int:
    """The number that ends a log file's name, which grows from file to file."""
    match = re.search(r"\.([0-9]+)$", file)
    if match is None:
        raise SyncError(f"{file!r} is no name of a binlog file")
    return int(match[1])
