"""Delta tables by delta-rs: opened, read as a snapshot, committed in one step with what they came from.

Readers see a version or the next one, never what lies between: a commit is one file of the log that is put
in place at once. Protocol 1 and 2 alone, which every reader of Delta knows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lake.location import Location
from lake.spec import PERIOD
from sync.errors import SyncError, TransientError

if TYPE_CHECKING:
    import pyarrow as pa
    from deltalake import DeltaTable

FILE_BYTES = 128 << 20
KEPT_HOURS = 168
CONFIGURATION: dict[str, str | None] = {
    "delta.deletedFileRetentionDuration": f"interval {KEPT_HOURS} hours",
    "delta.logRetentionDuration": f"interval {4 * KEPT_HOURS} hours",
    "delta.checkpointInterval": "20",
}
_PASSING = ("refused", "timed out", "timeout", "unreachable", "reset by peer", "broken pipe", "safe mode")


@dataclass(frozen=True)
class Snapshot:
    """A table at one version: `files` are those that hold its `rows`, `schema` is Spark's JSON of it."""

    uri: str
    version: int
    files: tuple[str, ...]
    schema: str
    rows: int
    bytes: int


@dataclass(frozen=True)
class Origin:
    """What a commit holds: the rows of staging, known by its `identity`, up to a `batch`; `run_id` wrote it.

    It is in the table's own log, in the same commit as the rows, so they cannot part.
    """

    identity: str
    batch: int
    run_id: str


@contextmanager
def lake_errors(where: str) -> Iterator[None]:
    """Turn delta-rs's errors into ours; `where` begins the message."""
    from deltalake.exceptions import CommitFailedError, DeltaError  # noqa: PLC0415

    try:
        yield
    except CommitFailedError as error:
        raise TransientError(f"{where}: another writer has changed the same rows: {_said(error)}") from error
    except (DeltaError, OSError) as error:
        said = _said(error)
        passing = any(words in said.lower() for words in _PASSING)
        raise (TransientError if passing else SyncError)(f"{where}: {said}") from error


def _said(error: Exception) -> str:
    return " ".join(str(error).split())[:500]


def open_table(location: Location, folder: str) -> DeltaTable | None:
    """The newest version of a table, None where there is none."""
    from deltalake import DeltaTable  # noqa: PLC0415
    from deltalake.exceptions import TableNotFoundError  # noqa: PLC0415

    uri = location.table(folder)
    with lake_errors(uri):
        try:
            return DeltaTable(uri, storage_options=location.storage_options())
        except TableNotFoundError:
            return None


def snapshot_of(table: DeltaTable) -> Snapshot:
    """What a reader needs to know of the version that is open."""
    import pyarrow as pa  # noqa: PLC0415

    with lake_errors(table.table_uri):
        actions = pa.table(table.get_add_actions(flatten=True))
        sizes = actions.column("size_bytes").to_pylist()
        rows = actions.column("num_records").to_pylist() if "num_records" in actions.column_names else []
        return Snapshot(
            table.table_uri.rstrip("/"),
            table.version(),
            tuple(table.file_uris()),
            table.schema().to_json(),
            sum(count or 0 for count in rows),
            sum(sizes),
        )


def commit(
    location: Location,
    folder: str,
    schema: pa.Schema,
    batches: Iterable[pa.RecordBatch],
    origin: Origin,
    periods: Sequence[str] | None = None,
) -> None:
    """Replace the rows of these `periods`, or with None all rows and the schema, in one commit.

    An error among the batches is raised, and nothing is committed. Raises `TransientError` where another
    writer was faster.
    """
    import pyarrow as pa  # noqa: PLC0415
    from deltalake import CommitProperties, Transaction, WriterProperties, write_deltalake  # noqa: PLC0415

    arguments: dict[str, Any] = {
        "storage_options": location.storage_options(),
        "target_file_size": FILE_BYTES,
        "writer_properties": WriterProperties(compression="ZSTD"),
        "commit_properties": CommitProperties(
            custom_metadata={"run": origin.run_id},
            app_transactions=[Transaction(origin.identity, origin.batch)],
        ),
    }
    if periods is None:
        partitioned = [PERIOD] if PERIOD in schema.names else None
        arguments |= {"partition_by": partitioned, "schema_mode": "overwrite", "configuration": CONFIGURATION}
    else:
        listed = ", ".join("'" + period.replace("'", "''") + "'" for period in periods)
        arguments |= {"predicate": f"{PERIOD} IN ({listed})"}
    failed: list[Exception] = []
    reader = pa.RecordBatchReader.from_batches(schema, _noting(batches, failed))
    with lake_errors(location.table(folder)):
        try:
            write_deltalake(location.table(folder), reader, mode="overwrite", **arguments)
        except Exception:
            if failed:  # which delta-rs has made a text of
                raise failed[0] from None
            raise


def _noting(batches: Iterable[pa.RecordBatch], failed: list[Exception]) -> Iterator[pa.RecordBatch]:
    try:
        yield from batches
    except Exception as error:
        failed.append(error)
        raise
