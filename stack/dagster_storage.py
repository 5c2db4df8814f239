"""The tables of Dagster's storage, when the servers come up."""

from __future__ import annotations

from softcart_assets import storage
from stack.home import StackError
from stack.server import Say
from sync.errors import SyncError


def make_tables(url: str, say: Say) -> None:
    """Make what the database at `url` lacks, or `say` that it cannot be reached: other commands may not need
    it.

    Raises:
        StackError: the user may not make them.
    """
    try:
        lacking = storage.lacks_tables(url)
    except SyncError as error:
        say(f"Dagster's storage (SOFTCART_DAGSTER_URL) cannot be used, and may lack its tables: {error}")
        return
    if lacking:
        try:
            storage.make_tables(url)
        except SyncError as error:
            raise StackError(str(error)) from error
