"""What can go wrong, in two kinds: retry it (`TransientError`), or change something first (`SyncError`)."""

from __future__ import annotations

# The way out where a log no longer leads from a table's position to the present.
RELOAD = "Reload the table: `--reload` on the command line, `reload: true` in the asset's run config"


class SyncError(Exception):
    """A pass cannot go on; the message names the table, the value and the way out. Retrying is pointless."""


class TransientError(SyncError):
    """A server was away, busy or in the way for a moment; the same pass may succeed when it is run again."""


class UnknownTableError(SyncError):
    """The source has no such table, or none that its user may see."""


class LeaseTaken(TransientError):
    """Another pass holds the lease and did not finish within the time that this one was willing to wait."""


class LeaseLost(SyncError):
    """A newer pass took the lease while this one was paused; nothing of this one was written."""


class UnexpectedError(SyncError):
    """A fault of the program itself, in the pass over one table; its cause tells where."""
