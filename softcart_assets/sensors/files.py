"""The sensor for new files: it holds the listing of each place against the files that are known to be read.

A file is known by its etag and size, never by its time, so one that is uploaded late is seen as well. What
is new is requested together with all that is downstream of it.
"""

from __future__ import annotations

from collections.abc import Sequence

import dagster as dg

from softcart_assets.file_tables import SOURCE
from softcart_assets.raw import asset_key
from softcart_assets.sensors.cursor import Cursor
from softcart_assets.sensors.staging import request_behind
from softcart_assets.sensors.tick import Followed, Tick, alive
from softcart_assets.switches import sensor_status
from sync.connections.psycopg import Connection
from sync.sources.files.source import FileSource
from sync.spec import Table
from sync.state import prepare
from sync.targets.postgresql.known_objects import read_objects

FILES_INTERVAL_SECONDS = 30
NAMED = 3


def files_sensor(tables: Sequence[Table], job: str, followed: Followed) -> list[dg.SensorDefinition]:
    """The sensor of the tables that are read from files; none where there are no such tables."""
    read = [table for table in tables if table.source == SOURCE and not table.paused]

    @dg.sensor(
        name="files_changes",
        job_name=job,
        minimum_interval_seconds=FILES_INTERVAL_SECONDS,
        default_status=sensor_status(),
        required_resource_keys={SOURCE, "staging"},
        description="Requests the tables whose place has a file that was not read, and what is downstream.",
    )
    def changes(context: dg.SensorEvaluationContext) -> Tick:
        def probe(cursor: Cursor) -> dg.SensorResult:
            with (
                getattr(context.resources, SOURCE).source() as source,
                context.resources.staging.connect() as staging,
            ):
                prepare(staging, schemas=())
                found = {table: new_files(table, source, staging) for table in read}
            new = {table: names for table, names in found.items() if names}
            for table, names in new.items():
                listed = ", ".join(names[:NAMED]) + (", …" if len(names) > NAMED else "")
                context.log.info(f"{table.qualified}: {len(names)} files are new: {listed}")
            keys = {asset_key(table) for table in new}
            return request_behind(context, keys, cursor, followed, SOURCE, "no file is new")

        return alive(context, SOURCE, followed, (), probe)

    return [changes] if read else []


def new_files(table: Table, source: FileSource, staging: Connection) -> list[str]:
    """The names of the files that no pass over the table has read as they are now."""
    listed = source.listing(table)
    with staging, staging.cursor() as cursor:
        known = read_objects(cursor, table.schema, table.name)
    return [each.name for each in listed if not each.is_same(known.get(each.name))]
