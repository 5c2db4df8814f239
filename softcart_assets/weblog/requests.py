"""Every line of the log parsed, as Parquet by day."""

from collections.abc import Iterator, Sequence
from typing import Any

import dagster as dg

from softcart_assets.metadata import OWNER, table_metadata
from softcart_assets.pictures import FIRST_ROWS, MOST_POINTS, Picture, pictured
from softcart_assets.weblog.common import GROUP, REQUESTS, failing, folder, materialized, named_files
from sync.connections.psycopg import Connection
from weblog.files import log_files
from weblog.parsing import UNKNOWN_DAY
from weblog.requests import COLUMNS, READER, TABLE, Requests
from weblog.state import State

DAYS = dg.DynamicPartitionsDefinition(name="weblog_days")
WELL_FORMED = "lines_are_well_formed"
NAMED = 20


def build_requests() -> dg.AssetsDefinition:
    """`weblog/requests` with its check."""
    specs = [
        dg.AssetSpec(
            REQUESTS,
            group_name=GROUP,
            description="Every line of the web log: all fields and the class of device, as Parquet by day.",
            owners=[OWNER],
            kinds={"parquet", "duckdb"},
            metadata=table_metadata(TABLE, COLUMNS),
            partitions_def=DAYS,
        ),
    ]

    @dg.multi_asset(
        name="weblog_requests",
        specs=specs,
        check_specs=[
            dg.AssetCheckSpec(
                WELL_FORMED, asset=REQUESTS, description="Each line of the web log is as its format wants it."
            )
        ],
        required_resource_keys={"landing", "staging"},
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def weblog_requests(
        context: dg.AssetExecutionContext,
    ) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
        again = context.has_partition_key or context.has_partition_key_range
        with failing(), context.resources.staging.connect() as staging:
            state = State(staging, READER)
            kept = Requests(state, folder(staging) / "requests")
            files = log_files(context.resources.landing.files())
            notes: list[str] = []
            with state.held():
                if again:
                    gone = kept.read_again(context.partition_keys, files)
                    notes += [f"{name} is gone: its lines stay as they were parsed" for name in gone]
                    days = list(context.partition_keys)
                else:
                    made = kept.read(files, notes)
                    days = [day for day, is_counted in kept.days().items() if not is_counted]
                    context.instance.add_dynamic_partitions(str(DAYS.name), list(kept.days()))
            for note in notes:
                context.log.warning(note)
            lines = sum(log.lines for log in state.logs())
            if not again:
                for day in days:
                    # What a run materialized by the log's position is shown by day, and counted once.
                    context.instance.report_runless_asset_event(
                        dg.AssetMaterialization(REQUESTS, partition=day, metadata={"run": context.run.run_id})
                    )
            yield materialized(
                REQUESTS,
                lines,
                file=named_files(files),
                new_lines=0 if again else sum(part.lines for part in made),
                days=days,
                folder=str((folder(staging) / "requests").resolve()),
                **_pictured(kept, days if again else None),
            )
            yield _well_formed(staging)

    return weblog_requests


def _pictured(kept: Requests, days: Sequence[str] | None) -> dict[str, Any]:
    """What the log looks like, or these days of it: others may wait to be parsed anew themselves."""
    columns, rows = kept.first(FIRST_ROWS, days)
    lines = [(day, lines) for day, lines in kept.lines_by_day(days).items() if day != UNKNOWN_DAY]
    return pictured(columns, rows, Picture("Requests by day", is_time=True), lines[-MOST_POINTS:])


def _well_formed(staging: Connection) -> dg.AssetCheckResult:
    """The malformed lines that are in quarantine, by their numbers."""
    with staging, staging.cursor() as cursor:
        cursor.execute(
            "SELECT key, reason, raw FROM quarantine.rejected_rows"
            " WHERE table_name = %s ORDER BY rejected_at, key",
            (TABLE,),
        )
        found = cursor.fetchall()
    named = ", ".join(key for key, _, _ in found[:NAMED]) + (", …" if len(found) > NAMED else "")
    metadata: dict[str, Any] = {"lines": len(found)}
    if found:
        metadata["first_lines"] = dg.MetadataValue.table(
            [
                dg.TableRecord({"line": key, "reason": reason, "text": raw})
                for key, reason, raw in found[:NAMED]
            ]
        )
    return dg.AssetCheckResult(
        asset_key=REQUESTS,
        check_name=WELL_FORMED,
        passed=not found,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{len(found):,} malformed: {named} ({found[0][1]})" if found else None,
        metadata=metadata,
    )
