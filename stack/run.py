"""`make run` and `make sync`: a job of the graph in this process, with calm progress and a summary."""

import os
import time
from collections import defaultdict
from contextlib import closing
from pathlib import Path

import dagster as dg
from rich.console import Console
from rich.table import Table

from demo import generate
from softcart_assets.build import build_defs
from softcart_assets.connections import keep_connections
from softcart_assets.progress import check_line, failure_reason, is_failed_check
from sync.connections import connect_postgresql
from sync.urls import parse

STAGES = ("landing", "raw", "star", "reports", "sales", "weblog", "production", "exports")
NAMED = 3  # assets of a stage that did not run, above which their number has to do
URLS = {
    "MySQL": "SOFTCART_MYSQL_URL",
    "MongoDB": "SOFTCART_MONGO_URL",
    "staging": "SOFTCART_STAGING_URL",
    "production": "SOFTCART_PRODUCTION_URL",
}
QUARANTINED = """
    SELECT table_name, count(*) FROM quarantine.rejected_rows GROUP BY 1 ORDER BY 1
"""


def run_job(name: str, console: Console) -> bool:
    """Execute the job in this process; True when every asset and every blocking check passed.

    The URLs of all systems and DAGSTER_HOME are taken from the environment.
    """
    started = time.monotonic()
    definitions = build_defs()
    job = definitions.resolve_job_def(name)
    instance = dg.DagsterInstance.get()
    keep_connections(instance)
    result = job.execute_in_process(
        instance=instance,
        run_config={"loggers": {"progress": {}}},
        raise_on_error=False,
    )
    summarize(definitions, result, console)
    seconds = time.monotonic() - started
    if result.success:
        console.print(f"\n[bold]{name} succeeded[/] in {seconds:.1f} s; the servers stay up (make down)")
    else:
        console.print(f"\n[bold red]{name} failed[/] after {seconds:.1f} s:")
        for line in failures(definitions, result):
            console.print(f"  {line}", highlight=False, markup=False, soft_wrap=True)
    return result.success


def demo_landing(folder: Path) -> Path:
    """The demo shop's landing files, generated into `folder` the first time."""
    if not folder.exists():
        beside = folder.with_name(f"{folder.name}.{os.getpid()}")
        generate(beside)
        beside.rename(folder)
    return folder


def failures(definitions: dg.Definitions, result: dg.ExecuteInProcessResult) -> list[str]:
    """What failed and why, then what was not run because of it; one line each."""
    checks = [
        check_line(check)
        for check in result.get_asset_check_evaluations()
        if not check.passed and check.severity is dg.AssetCheckSeverity.ERROR
    ]
    steps = [
        f"{event.step_key}: {failure_reason(event)}"
        for event in result.all_events
        if event.is_step_failure and not is_failed_check(event)
    ]
    left_out = not_run(definitions, result)
    return [*checks, *steps, *([f"not run because of it: {left_out}"] if left_out else [])]


def not_run(definitions: dg.Definitions, result: dg.ExecuteInProcessResult) -> str:
    """The job's assets that no step came to: by name where a stage has few of them, else their number."""
    graph = definitions.resolve_asset_graph()
    done_keys = {event.asset_key for event in result.all_events if event.is_step_materialization}
    # A step that failed by itself has said what became of its assets.
    done = {
        event.step_key
        for event in result.all_events
        if event.is_step_success or (event.is_step_failure and not is_failed_check(event))
    }
    missing: defaultdict[str, list[str]] = defaultdict(list)
    for key in sorted(result.job_def.asset_layer.selected_asset_keys - done_keys):
        node = graph.get(key)
        if node.is_executable and node.assets_def.op.name not in done:
            missing[node.group_name].append(key.to_user_string())
    return ", ".join(
        ", ".join(missing[stage]) if len(missing[stage]) <= NAMED else f"{len(missing[stage])} of {stage}"
        for stage in STAGES
        if stage in missing
    )


def summarize(definitions: dg.Definitions, result: dg.ExecuteInProcessResult, console: Console) -> None:
    """Rows by stage, quarantined rows, and where everything is."""
    graph = definitions.resolve_asset_graph()
    rows: defaultdict[str, int] = defaultdict(int)
    assets: defaultdict[str, int] = defaultdict(int)
    for event in result.all_events:
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
        if assets[stage]:
            table.add_row(stage, f"{assets[stage]}", f"{rows[stage]:,}")
    console.print()
    console.print(table)
    console.print()
    for label, count in quarantined().items():
        console.print(f"[yellow]{count:,} quarantined[/] {label}", highlight=False)
    for label, variable in URLS.items():
        console.print(f"{label:<11} {parse(os.environ[variable])}", highlight=False)
    exports = Path(os.environ.get("SOFTCART_EXPORTS", "exports")).resolve()
    console.print(f"{'exports':<11} {exports}", highlight=False)
    console.print("make env prints the URLs with their passwords; make ui opens Dagster.", style="dim")


def quarantined() -> dict[str, int]:
    """Rows in quarantine, in staging and production, by table."""
    found: dict[str, int] = {}
    for name in ("staging", "production"):
        url = os.environ[URLS[name]]
        with closing(connect_postgresql(url)) as connection, connection.cursor() as cursor:
            cursor.execute(QUARANTINED)
            where = f"quarantine.rejected_rows in {name}"
            found |= {f"{table_name} ({where})": count for table_name, count in cursor}
    return found
