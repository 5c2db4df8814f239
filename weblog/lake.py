"""The parsed log as a table of the lake, a partition a day.

A day is written again when its lines were counted anew (`weblog.traffic`), which gives it a new batch; the
batch up to which the lake has them stands in the table's own log, as with staging's tables.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lake.delta import Origin, commit, open_table, snapshot_of
from lake.location import Location
from lake.spec import PERIOD, LakeTable
from sync.connections.postgresql import postgresql_errors
from sync.connections.psycopg import Connection
from sync.state import identity, lease
from weblog.parsing import UNKNOWN_DAY
from weblog.requests import COLUMNS, Requests

if TYPE_CHECKING:
    import pyarrow as pa

TABLE = LakeTable("weblog", "requests", ("line",))
_DAYS = "SELECT coalesce(day::text, %s), max(_batch) FROM weblog.hours GROUP BY day"


@dataclass(frozen=True)
class Filled:
    """What a pass did: `days` are those that it wrote or took away; the table is at `version` and `batch`
    then."""

    uri: str
    version: int
    batch: int
    rows: int
    days: tuple[str, ...]


def fill(
    requests: Requests, staging: Connection, location: Location, run_id: str, rebuild: bool = False
) -> Filled:
    """Bring the lake up to the days that were counted; with nothing new no version is written.

    Raises `SyncError`, and `TransientError` where the same pass may succeed later.
    """
    with postgresql_errors(f"{TABLE.folder} into the lake"):
        who = str(identity(staging))
        with lease(staging, f"lake {location.root} {TABLE.folder}"):
            with staging, staging.cursor() as cursor:
                cursor.execute(_DAYS, (UNKNOWN_DAY,))
                batches = dict(cursor.fetchall())
            before = None if rebuild else open_table(location, TABLE.folder)
            held = before.transaction_version(who) if before else None
            batch = max(batches.values(), default=0)
            if before is None or held is None:
                days, periods = sorted(batches), None
            else:
                there = {str(partition[PERIOD]) for partition in before.partitions()}
                changed = {day for day, number in batches.items() if number > held}
                days = sorted(changed | (there - batches.keys()))
                periods = days
            if periods is None or periods:
                rows = _rows(requests, days)
                commit(location, TABLE.folder, _schema(), rows, Origin(who, batch, run_id), periods)
    after = open_table(location, TABLE.folder)
    assert after is not None
    found = snapshot_of(after)
    return Filled(found.uri, found.version, batch, found.rows, tuple(days))


def _schema() -> pa.Schema:
    """The columns of `weblog.requests.COLUMNS` with types that Delta has; times are UTC."""
    import pyarrow as pa  # noqa: PLC0415

    types = {"line": pa.int64(), "bytes": pa.int64(), "hour": pa.int16(), "status": pa.int32()}
    types["time"] = pa.timestamp("us", tz="UTC")
    fields = [pa.field(name, types.get(name, pa.string())) for name in (column.name for column in COLUMNS)]
    return pa.schema([*fields, pa.field(PERIOD, pa.string())])


def _rows(requests: Requests, days: Sequence[str]) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    schema = _schema()
    for day in days:
        for path in requests.parquet(day):
            for batch in pq.ParquetFile(path).iter_batches():
                arrays = [
                    batch.column(field.name).cast(field.type) for field in schema if field.name != PERIOD
                ]
                period = pa.array([day] * batch.num_rows, pa.string())
                yield pa.RecordBatch.from_arrays([*arrays, period], schema=schema)
