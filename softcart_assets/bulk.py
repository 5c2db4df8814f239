"""The job for first loads of very large tables: read by Spark in parts into the lake, copied from there.

What follows is an ordinary pass, with its reconciliation; from then on the table follows its log like others.
"""

import time
from collections.abc import Sequence
from typing import Any

import dagster as dg
from pydantic import Field

from lake.bulk import bulk_folder, empty, lines_in, read_by_spark
from softcart_assets.failures import failure
from softcart_assets.raw import asset_key, materialization
from softcart_assets.seams import in_process
from sync.bulk_load import keep_first_load
from sync.connections.urls import parse
from sync.engine import run_pass
from sync.errors import SyncError
from sync.first_load import log_position
from sync.sources.mysql.source import MySQLSource
from sync.spec import Table
from sync.targets.postgresql.target import PostgreSQLTarget

PART_ROWS = 1_000_000


class BulkConfig(dg.Config):
    """Which tables are loaded."""

    tables: list[str] = Field(
        description="tables of MySQL that staging does not have yet, by their names there"
    )
    part_rows: int = Field(default=PART_ROWS, description="about how many rows one connection reads")


def build_bulk_load(tables: Sequence[Table]) -> dg.JobDefinition:
    """The job `bulk_load`; it needs the resources `mysql`, `staging`, `lake` and `spark`."""
    known = {table.name: table for table in tables if table.source == "mysql" and table.target == "staging"}

    @dg.op(
        required_resource_keys={"mysql", "staging", "lake", "spark"},
        out=dg.Out(dg.Nothing),
        pool="staging",
        description="Reads tables by Spark into the lake, and loads staging from there.",
    )
    def load_by_spark(context: dg.OpExecutionContext, config: BulkConfig) -> None:
        try:
            if unknown := [name for name in config.tables if name not in known]:
                raise SyncError(
                    f"{', '.join(unknown)}: no such table; declared are {', '.join(sorted(known))}"
                )
            for name in config.tables:
                context.log_event(_load(context, known[name], config.part_rows))
        except SyncError as error:
            raise failure([error]) from error

    @dg.job(
        executor_def=in_process,
        description="First loads of very large tables: read by Spark into the lake, copied from there.",
    )
    def bulk_load() -> None:
        load_by_spark()

    return bulk_load


def _load(context: dg.OpExecutionContext, table: Table, part_rows: int) -> dg.AssetMaterialization:
    began = time.monotonic()
    location, resources = context.resources.lake.location(), context.resources
    with resources.mysql.source() as source, resources.staging.target() as target:
        with source.snapshot() as snapshot:
            columns = source.describe(table).columns
            position = log_position(table, source, snapshot)
            lines = snapshot.lines(table, columns, part_rows)
        with resources.spark.reporting(context.log) as session:
            folder = bulk_folder(table.schema, table.name)
            read = read_by_spark(session, parse(resources.mysql.url), lines, location, folder)
        seconds = round(time.monotonic() - began, 3)
        rows = _keep(context, table, source, target, position, read)
        empty(read)
        result = run_pass(table, source, target, context.run.run_id)
    if result.differences:
        raise SyncError("; ".join(result.differences))
    shown = {"rows_by_spark": rows, "parts": len(lines.conditions), "seconds_of_spark": seconds}
    metadata = {**(materialization(table, result).metadata or {}), **shown}
    return dg.AssetMaterialization(asset_key(table), metadata=metadata)


def _keep(
    context: dg.OpExecutionContext,
    table: Table,
    source: MySQLSource,
    target: PostgreSQLTarget,
    position: str,
    read: Any,
) -> int:
    with source.snapshot() as snapshot:
        return keep_first_load(
            table,
            source,
            target,
            position,
            lambda columns: snapshot.chunks_of(table, columns, lines_in(read)),
            context.run.run_id,
        )
