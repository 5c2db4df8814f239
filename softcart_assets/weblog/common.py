"""What the steps of the web log share: their keys, the folder of what was read, how they fail."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg

from softcart_assets.failures import failure
from sync.connections.postgresql import postgresql_errors
from sync.connections.psycopg import Connection
from sync.errors import SyncError
from weblog.files import LOG
from weblog.state import archive_root, ensure_state

GROUP = "weblog"
EXTRACTED, TRANSFORMED, ARCHIVE, REQUESTS = (
    dg.AssetKey([GROUP, name]) for name in ("extracted", "transformed", "archive", "requests")
)


def folder(staging: Connection) -> Path:
    """Where what was read of the log is kept for this staging database, whose state speaks of it."""
    ensure_state(staging)
    root = archive_root(Path(os.environ.get("SOFTCART_HOME") or ".softcart"))
    with staging, staging.cursor() as cursor:
        cursor.execute("SELECT id FROM sync.identity")
        [(identity,)] = cursor.fetchall()
    return root / str(identity)


@contextmanager
def failing() -> Iterator[None]:
    """Turn the engine's errors into a step's failure that says the cause."""
    try:
        with postgresql_errors("staging"):
            yield
    except SyncError as error:
        raise failure([error]) from error


def named_files(files: Sequence[Path]) -> str:
    """The log's files by name, for metadata."""
    return ", ".join(path.name for path in files) or f"{LOG} (not there)"


def lines_in(path: Path) -> int:
    """How many lines a file has."""
    with path.open("rb") as file:
        return sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(1 << 20), b""))


def materialized(key: dg.AssetKey, rows: int, **metadata: Any) -> dg.MaterializeResult[Any]:
    """What an asset shows of itself."""
    return dg.MaterializeResult(asset_key=key, metadata={"dagster/row_count": rows, **metadata})
