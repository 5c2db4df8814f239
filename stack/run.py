"""`make run` and `make sync`: a job of the graph in this process, with calm progress and a summary."""

import os
import time
from collections import defaultdict
from collections.abc import Collection, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

import dagster as dg
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from demo import generate
from landing.bucket import is_bucket
from landing.landing_file import check_folder
from landing.unlanded import unlanded
from softcart_assets.build import build_defs
from softcart_assets.progress import LINES, check_line, failure_reason, is_failed_check
from softcart_assets.seams import keep_connections
from stack.reachable import STORAGE, VARIABLES, broken
from stack.stand_in import StandIn
from sync.connections.postgresql import connect_postgresql
from sync.connections.urls import DatabaseUrl, parse
from sync.errors import SyncError
from sync.systems import open_warehouse

STAGES = (
    *("landing", "raw", "adopted", "star", "lake", "search", "forecast"),
    *("aggregates", "reports", "sales", "orders"),
    "weblog",
    *("production", "exports"),
)
NAMED = 3  # assets of a stage that did not run, above which their number has to do
SYSTEMS = {"mysql": "MySQL", "mongodb": "MongoDB", "staging": "staging", "production": "production"}
HAS_QUARANTINE = "SELECT to_regclass('quarantine.rejected_rows') IS NOT NULL"
# The key of a landed file's line is the file's name and the line's number.
QUARANTINED = r"""
    SELECT concat_ws(' of ', table_name, substring(key from '^(.+\.(?:csv|json)):\d+$')), count(*)
    FROM quarantine.rejected_rows GROUP BY 1 ORDER BY 1
"""


def run_job(name: str, console: Console, stand_in: StandIn | None = None) -> bool:
    """Execute the job in this process; True when every asset and every blocking check passed.

    The URLs of all systems and DAGSTER_HOME are taken from the environment; `stand_in` is what production is
    on, where it is not the user's own. What a system is needed for that
    cannot be worked with is left out, with all that is behind it.
    """
    lands = name not in ("sync", "verify")
    if lands and (problem := landing_problem()):
        console.print(f"[bold red]{name} was not begun[/]: {escape(problem)}", soft_wrap=True)
        return False
    started = time.monotonic()
    definitions = build_defs()
    job = definitions.resolve_job_def(name)
    causes = broken(needed(definitions, job), partial(_print, console))
    result = execute(job, workable(definitions, job, causes) if causes else None)
    events = result.all_events if result else []
    failed = [*causes.values(), *(failures(result) if result else [])]
    if failed and (left_out := not_run(definitions, job, events)):
        failed.append(f"not run because of it: {left_out}")
    summarize(definitions, events, console)
    show_quarantine(console, failed)
    for line in unlanded(landing_folder()) if lands else ():
        console.print(f"[yellow]{escape(line)}[/]", highlight=False, soft_wrap=True)
    show_places(console, stand_in)
    seconds = time.monotonic() - started
    if result and result.success and not failed:
        console.print(f"\n[bold]{name} succeeded[/] in {seconds:.1f} s; the servers stay up (make down)")
        return True
    console.print(f"\n[bold red]{name} failed[/] after {seconds:.1f} s:")
    for line in failed:
        _print(console, f"  {line}")
    return False


def execute(job: dg.JobDefinition, keys: Collection[dg.AssetKey] | None) -> dg.ExecuteInProcessResult | None:
    """Execute the job, or these of its assets; None where there is none to execute."""
    if keys is not None and not keys:
        return None
    instance = dg.DagsterInstance.get()
    keep_connections(instance)
    return job.execute_in_process(
        instance=instance,
        run_config=LINES,
        asset_selection=None if keys is None else sorted(keys),
        raise_on_error=False,
    )


def _print(console: Console, line: str) -> None:
    console.print(line, highlight=False, markup=False, soft_wrap=True)


def demo_landing(folder: Path) -> Path:
    """The demo shop's landing files, generated into `folder` the first time."""
    if not folder.exists():
        beside = folder.with_name(f"{folder.name}.{os.getpid()}")
        generate(beside)
        beside.rename(folder)
    return folder


def failures(result: dg.ExecuteInProcessResult) -> list[str]:
    """What failed and why, one line a cause."""
    checks = [
        check_line(check)
        for check in result.get_asset_check_evaluations()
        if not check.passed and check.severity is dg.AssetCheckSeverity.ERROR
    ]
    steps: defaultdict[str, list[str]] = defaultdict(list)
    for event in result.all_events:
        if event.is_step_failure and not is_failed_check(event):
            steps[failure_reason(event)].append(str(event.step_key))
    return [*checks, *(f"{', '.join(names)}: {reason}" for reason, names in steps.items())]


def not_run(definitions: dg.Definitions, job: dg.JobDefinition, events: Sequence[dg.DagsterEvent]) -> str:
    """The job's assets that no step came to: by name where a stage has few of them, else their number."""
    graph = definitions.resolve_asset_graph()
    done_keys = {event.asset_key for event in events if event.is_step_materialization}
    # A step that failed by itself has said what became of its assets.
    done = {
        event.step_key
        for event in events
        if event.is_step_success or (event.is_step_failure and not is_failed_check(event))
    }
    missing: defaultdict[str, list[str]] = defaultdict(list)
    for key in sorted(job.asset_layer.selected_asset_keys - done_keys):
        node = graph.get(key)
        if node.is_executable and node.assets_def.op.name not in done:
            missing[node.group_name].append(key.to_user_string())
    return ", ".join(
        ", ".join(missing[stage]) if len(missing[stage]) <= NAMED else f"{len(missing[stage])} of {stage}"
        for stage in STAGES
        if stage in missing
    )


def needed(definitions: dg.Definitions, job: dg.JobDefinition) -> set[str]:
    """The systems that the job's steps work with, and Dagster's storage."""
    graph = definitions.resolve_asset_graph()
    nodes = [graph.get(key) for key in job.asset_layer.selected_asset_keys]
    resources = [node.assets_def.required_resource_keys for node in nodes if node.is_executable]
    return {STORAGE}.union(*resources)


def workable(definitions: dg.Definitions, job: dg.JobDefinition, causes: Collection[str]) -> set[dg.AssetKey]:
    """The job's assets that neither need the systems named in `causes` nor are behind any that do."""
    if STORAGE in causes:
        return set()
    graph = definitions.resolve_asset_graph()
    selected = {key for key in job.asset_layer.selected_asset_keys if graph.get(key).is_executable}
    lost = {
        key for key in selected if not graph.get(key).assets_def.required_resource_keys.isdisjoint(causes)
    }
    return selected - dg.AssetSelection.assets(*lost).downstream().resolve(graph)


def summarize(definitions: dg.Definitions, events: Sequence[dg.DagsterEvent], console: Console) -> None:
    """Rows by stage."""
    graph = definitions.resolve_asset_graph()
    rows: defaultdict[str, int] = defaultdict(int)
    assets: defaultdict[str, int] = defaultdict(int)
    for event in events:
        if event.is_step_materialization:
            materialization = event.step_materialization_data.materialization
            stage = graph.get(materialization.asset_key).group_name
            counted = materialization.metadata.get("dagster/row_count")
            rows[stage] += (counted.value or 0) if isinstance(counted, dg.IntMetadataValue) else 0
            assets[stage] += 1
    table = Table(box=None, pad_edge=False, title_justify="left", header_style="dim")
    for heading in ("stage", "assets", "rows"):
        table.add_column(heading, justify="left" if heading == "stage" else "right")
    for stage in STAGES:
        if stage in assets:
            table.add_row(stage, f"{assets[stage]}", f"{rows[stage]:,}")
    console.print()
    if table.row_count:
        console.print(table)
        console.print()


def landing_folder() -> Path | None:
    """The folder of files to land, if one of this machine is named."""
    named = os.environ.get("SOFTCART_LANDING")
    return Path(named) if named and not is_bucket(named) else None


def landing_problem() -> str | None:
    """Why nothing can be landed at all."""
    try:
        check_folder(landing_folder())
    except SyncError as error:
        return str(error)
    return None


def url_of(name: str) -> DatabaseUrl | None:
    """Where a system is; None where its variable holds no URL, which was said by then."""
    try:
        return parse(os.environ[VARIABLES[name]])
    except (SyncError, ValueError):
        return None


def show_quarantine(console: Console, failed: Sequence[str]) -> None:
    """Rows in quarantine, in staging and production, by table; what `failed` names is not asked."""
    for name in ("staging", "production"):
        url = url_of(name)
        if url is None or any(str(url) in line for line in failed):
            continue
        try:
            counts = quarantined(url) if url.system == "postgresql" else refused(os.environ[VARIABLES[name]])
            for table, count in counts.items():
                label = f"{table} (quarantine.rejected_rows in {name})"
                console.print(f"[yellow]{count:,} quarantined[/] {label}", highlight=False)
            if counts and url.system == "postgresql":
                way = f"python -m sync quarantine --to env:{VARIABLES[name]} shows them"
                console.print(f"  {way}", highlight=False)
        except SyncError as error:
            _print(console, f"what is in quarantine in {name} cannot be said: {error}")


def quarantined(url: DatabaseUrl) -> dict[str, int]:
    """Rows in quarantine in a database, by table."""
    with closing(connect_postgresql(url)) as connection, connection.cursor() as cursor:
        cursor.execute(HAS_QUARANTINE)
        if cursor.fetchone() != (True,):
            return {}
        cursor.execute(QUARANTINED)
        return dict(cursor.fetchall())


def refused(url: str) -> dict[str, int]:
    """Rows that a production warehouse of whichever system could not hold, by table."""
    with closing(open_warehouse(url)) as warehouse, warehouse.reader() as reader:
        return {str(table): len(keys) for table, keys in reader.rejected([]).items()}


def show_places(console: Console, stand_in: StandIn | None) -> None:
    """Where everything is, and what production's stand-in cannot show."""
    for name, label in SYSTEMS.items():
        if url := url_of(name):
            console.print(f"{label:<11} {url}", highlight=False)
    exports = os.environ.get("SOFTCART_EXPORTS") or "exports"
    exports = exports if "://" in exports else str(Path(exports).resolve())
    console.print(f"{'exports':<11} {exports}", highlight=False)
    for line in stand_in.missing if stand_in else ():
        console.print(line, highlight=False, soft_wrap=True)
    console.print("make env prints the URLs with their passwords; make ui opens Dagster.", style="dim")
