"""The web log as assets: its addresses cleaned and archived, its lines parsed and counted.

How is the package `weblog`. A log that is not there leaves the assets empty and says so.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
from psycopg2.extensions import connection as Connection

from exporting.storing import written
from softcart_assets.exports.files import exports_folder, file_metadata
from softcart_assets.failures import failure
from softcart_assets.metadata import OWNER, table_metadata
from softcart_assets.raw import BOOKKEEPING
from sync.connections.postgresql import postgresql_errors
from sync.errors import SyncError
from sync.spec import Column
from weblog import addresses as addresses_of
from weblog.addresses import MEMBER, Addresses, archive, banned_addresses, transform
from weblog.files import LOG, log_files
from weblog.requests import COLUMNS, READER, TABLE, Requests
from weblog.state import State, ensure_state
from weblog.traffic import TABLES, count, rows_of

GROUP = "weblog"
EXTRACTED, TRANSFORMED, ARCHIVE, REQUESTS, HTML = (
    dg.AssetKey(path)
    for path in (
        ["weblog", "extracted"],
        ["weblog", "transformed"],
        ["weblog", "archive"],
        ["weblog", "requests"],
        ["exports", "weblog_html"],
    )
)
COUNTED = {table.name: dg.AssetKey(["weblog", table.name]) for table in TABLES}
# A request's columns that a count is made of, where it is not the one of the same name.
COUNTED_FROM = {
    "day": ("time",),
    "requests": ("line", "device"),
    "robot_requests": ("line", "device"),
    "visitors": ("address", "device"),
    "robots": ("address", "device"),
    "errors": ("status",),
    **dict.fromkeys(("phone", "tablet", "computer", "unknown"), ("device",)),
    "rank": ("line", "device"),
    "page": ("path",),
}
DAYS = dg.DynamicPartitionsDefinition(name="weblog_days")
BANNED = "198.46.149.143"
WELL_FORMED = "lines_are_well_formed"
NAMED = 20


def folder(staging: Connection) -> Path:
    """Where what was read of the log is kept: below SOFTCART_WEBLOG, or `weblog` below SOFTCART_HOME, a
    folder for each staging database, whose state speaks of it."""
    ensure_state(staging)
    named = os.environ.get("SOFTCART_WEBLOG")
    home = Path(named) if named else Path(os.environ.get("SOFTCART_HOME") or ".softcart") / "weblog"
    with staging, staging.cursor() as cursor:
        cursor.execute("SELECT id FROM sync.identity")
        [(identity,)] = cursor.fetchall()
    return home / str(identity)


def build_weblog_assets() -> list[dg.AssetsDefinition]:
    """The steps of the web log; they need the resources `landing` and `staging`."""
    return [_addresses(), _requests(), _counted(), _html()]


@contextmanager
def _failing() -> Iterator[None]:
    try:
        with postgresql_errors("staging"):
            yield
    except SyncError as error:
        raise failure([error]) from error


def _addresses() -> dg.AssetsDefinition:
    specs = [
        _spec(EXTRACTED, "The address of each line of the web log, in the log's order."),
        _spec(
            TRANSFORMED,
            "The addresses of the web log without the lines of the banned ones (SOFTCART_BANNED_ADDRESSES).",
            [EXTRACTED],
        ),
        _spec(ARCHIVE, f"The cleaned addresses as {MEMBER} in exports/weblog.tar.", [TRANSFORMED], "tar"),
    ]

    @dg.multi_asset(
        name="weblog_addresses", specs=specs, required_resource_keys={"landing", "staging"}, can_subset=True
    )
    def weblog_addresses(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[Any]]:
        selected = context.selected_asset_keys
        with _failing(), context.resources.staging.connect() as staging:
            state = State(staging, addresses_of.READER)
            kept = Addresses(state, folder(staging) / "addresses")
            transformed = folder(staging) / MEMBER
            with state.held():
                if EXTRACTED in selected:
                    yield _extract(context, kept, state)
                if TRANSFORMED in selected:
                    banned = banned_addresses(os.environ.get("SOFTCART_BANNED_ADDRESSES", BANNED))
                    with written(transformed) as path, path.open("wb") as out:
                        transform(kept.chunks(), banned, out)
                    yield _materialized(TRANSFORMED, _lines(transformed), banned=list(banned))
                if ARCHIVE in selected:
                    if not transformed.is_file():
                        raise SyncError(f"{transformed} is not there: materialize weblog/transformed")
                    target = exports_folder() / "weblog.tar"
                    archive(transformed, target)
                    yield _materialized(ARCHIVE, _lines(transformed), **file_metadata(target))

    return weblog_addresses


def _extract(context: dg.AssetExecutionContext, kept: Addresses, state: State) -> dg.MaterializeResult[Any]:
    notes: list[str] = []
    files = log_files(context.resources.landing.path)
    made, unsound = kept.read(files, notes)
    for name, number in unsound.lines:
        notes.append(f"{name}: line {number} does not begin with an address, and is left out")
    for note in notes:
        context.log.warning(note)
    lines = sum(chunk.count(b"\n") for chunk in kept.chunks())
    return _materialized(
        EXTRACTED,
        lines,
        file=", ".join(path.name for path in files) or f"{LOG} (not there)",
        new_lines=sum(part.lines for part in made),
        lines_read=sum(log.lines for log in state.logs()),
        without_address=unsound.count,
    )


def _requests() -> dg.AssetsDefinition:
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
        with _failing(), context.resources.staging.connect() as staging:
            state = State(staging, READER)
            kept = Requests(state, folder(staging) / "requests")
            files = log_files(context.resources.landing.path)
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
            yield _materialized(
                REQUESTS,
                lines,
                file=", ".join(path.name for path in files) or f"{LOG} (not there)",
                new_lines=0 if again else sum(part.lines for part in made),
                days=days,
                folder=str((folder(staging) / "requests").resolve()),
            )
            yield _well_formed(staging)

    return weblog_requests


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


def _counted() -> dg.AssetsDefinition:
    @dg.multi_asset(
        name="weblog_counted",
        specs=[
            dg.AssetSpec(
                COUNTED[table.name],
                deps=[REQUESTS],
                group_name=GROUP,
                description=f"{table.description}.",
                owners=[OWNER],
                kinds={"duckdb", "postgres"},
                metadata={
                    **table_metadata(f"staging.weblog.{table.name}", [*table.columns, *BOOKKEEPING]),
                    "dagster/column_lineage": _counted_from(table.columns),
                },
            )
            for table in TABLES
        ],
        required_resource_keys={"staging"},
    )
    def weblog_counted(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[Any]]:
        with _failing(), context.resources.staging.connect() as staging:
            state = State(staging, READER)
            with state.held():
                days = count(staging, Requests(state, folder(staging) / "requests"))
            for table in TABLES:
                yield _materialized(COUNTED[table.name], rows_of(staging, table), days=days)

    return weblog_counted


def _html() -> dg.AssetsDefinition:
    @dg.multi_asset(
        name="export_weblog_html",
        specs=[
            dg.AssetSpec(
                HTML,
                deps=[REQUESTS],
                group_name="exports",
                description="Time and megabytes of each request for a page (.html), in order. A CSV file.",
                owners=[OWNER],
                kinds={"csv"},
            )
        ],
        required_resource_keys={"staging"},
    )
    def export_weblog_html(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
        path = exports_folder() / "weblog_html.csv"
        with _failing(), context.resources.staging.connect() as staging:
            state = State(staging, READER)
            with state.held(), written(path) as beside, beside.open("wb") as out:
                for content in Requests(state, folder(staging) / "requests").pages():
                    out.write(content)
        return _materialized(HTML, _lines(path) - 1, **file_metadata(path))

    return export_weblog_html


def _spec(
    key: dg.AssetKey, description: str, deps: Sequence[dg.AssetKey] = (), kind: str = "text"
) -> dg.AssetSpec:
    return dg.AssetSpec(
        key,
        deps=deps,
        group_name=GROUP,
        description=description,
        owners=[OWNER],
        kinds={kind},
        metadata=table_metadata(
            ".".join(key.path),
            [Column("address", "text", "Address of the client")],
            deps[0] if deps else None,
        ),
    )


def _counted_from(columns: Sequence[Column]) -> dg.TableColumnLineage:
    """Which of a request's columns each column of a table of counts comes from."""
    return dg.TableColumnLineage(
        {
            column.name: [
                dg.TableColumnDep(REQUESTS, name) for name in COUNTED_FROM.get(column.name, (column.name,))
            ]
            for column in columns
        }
    )


def _lines(path: Path) -> int:
    with path.open("rb") as file:
        return sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(1 << 20), b""))


def _materialized(key: dg.AssetKey, rows: int, **metadata: Any) -> dg.MaterializeResult[Any]:
    return dg.MaterializeResult(asset_key=key, metadata={"dagster/row_count": rows, **metadata})
