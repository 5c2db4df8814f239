"""What is used of Dagster, dagster-postgres and dbt without being public still has the shape that we know,
and each mechanism that rests on it can be switched off."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.instance.ref import InstanceRef
from dagster._core.scheduler.instigation import InstigatorState
from dagster._core.snap.job_snapshot import JobLineageSnap
from dagster._core.storage.event_log.base import EventLogStorage
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage
from dagster._core.storage.runs.base import RunStorage
from dagster_postgres import DagsterPostgresStorage, PostgresEventLogStorage

from softcart_assets import seams
from softcart_assets.code import PARTS
from softcart_assets.dbt import warm

# A new version of Dagster may well have moved one of these: look at what `seams.py` does with it.
SIGNATURES: dict[str, tuple[Callable[..., Any], tuple[str, ...]]] = {
    "DagsterInstance.optimize_for_webserver": (
        dg.DagsterInstance.optimize_for_webserver,
        ("self", "statement_timeout", "pool_recycle", "max_overflow"),
    ),
    "RunStorage.optimize_for_webserver": (
        RunStorage.optimize_for_webserver,
        ("self", "statement_timeout", "pool_recycle", "max_overflow"),
    ),
    "EventLogStorage.optimize_for_webserver": (
        EventLogStorage.optimize_for_webserver,
        ("self", "statement_timeout", "pool_recycle", "max_overflow"),
    ),
    "SqlEventLogStorage.has_table": (SqlEventLogStorage.has_table, ("self", "table_name")),
    "SqlEventLogStorage._has_asset_key_col_on_connection": (
        SqlEventLogStorage._has_asset_key_col_on_connection,
        ("self", "conn", "column_name"),
    ),
    "PostgresEventLogStorage.store_event_batch": (
        PostgresEventLogStorage.store_event_batch,
        ("self", "events"),
    ),
    "PostgresEventLogStorage.prepare_insert_event_batch": (
        PostgresEventLogStorage.prepare_insert_event_batch,
        ("self", "events"),
    ),
    "PostgresEventLogStorage.index_transaction": (PostgresEventLogStorage.index_transaction, ("self",)),
    "PostgresEventLogStorage._store_asset_event": (
        PostgresEventLogStorage._store_asset_event,
        ("self", "conn", "event", "event_id"),
    ),
    "PostgresEventLogStorage.store_asset_check_event": (
        PostgresEventLogStorage.store_asset_check_event,
        ("self", "event", "event_id"),
    ),
    "DagsterInstance.from_ref": (dg.DagsterInstance.from_ref, ("instance_ref",)),
    "QueuedRunCoordinator.register_instance": (
        dg.QueuedRunCoordinator.register_instance,
        ("self", "instance"),
    ),
    "DagsterInstance.report_run_failed": (
        dg.DagsterInstance.report_run_failed,
        ("self", "dagster_run", "message", "job_failure_data"),
    ),
    "DagsterInstance.all_logs": (
        dg.DagsterInstance.all_logs,
        ("self", "run_id", "of_type"),
    ),
    "DagsterInstance.all_instigator_state": (
        dg.DagsterInstance.all_instigator_state,
        ("self", "repository_origin_id", "repository_selector_id", "instigator_type", "instigator_statuses"),
    ),
    "DagsterInstance.get_batch_ticks": (
        dg.DagsterInstance.get_batch_ticks,
        ("self", "selector_ids", "limit", "statuses"),
    ),
    "EventLogStorage.get_latest_asset_check_execution_by_key": (
        EventLogStorage.get_latest_asset_check_execution_by_key,
        ("self", "check_keys", "partition_filter"),
    ),
    "DagsterInstance.get_latest_materialization_events": (
        dg.DagsterInstance.get_latest_materialization_events,
        ("self", "asset_keys"),
    ),
    "DagsterInstance.get_runs": (
        dg.DagsterInstance.get_runs,
        ("self", "filters", "cursor", "limit", "bucket_by", "ascending"),
    ),
    "DagsterInstance.get_runs_count": (dg.DagsterInstance.get_runs_count, ("self", "filters")),
    "DagsterInstance.get_job_snapshot": (dg.DagsterInstance.get_job_snapshot, ("self", "snapshot_id")),
    "DagsterInstance.storage_directory": (dg.DagsterInstance.storage_directory, ("self",)),
}
# Properties and fields, which have no signature.
MEMBERS: dict[str, Any] = {
    "event_log_storage": dg.DagsterInstance,
    "asset_graph": dg.RepositoryDefinition,
    "parent_snapshot_id": JobLineageSnap,
    "selector_id": InstigatorState,
}


@pytest.mark.parametrize("name", SIGNATURES)
def test_a_member_that_is_not_public_takes_what_it_took(name: str) -> None:
    function, parameters = SIGNATURES[name]
    assert tuple(inspect.signature(function).parameters) == parameters


@pytest.mark.parametrize("name", MEMBERS)
def test_a_property_that_is_not_public_is_there(name: str) -> None:
    assert hasattr(MEMBERS[name], name) or name in MEMBERS[name].__annotations__


def test_no_other_module_leans_on_what_is_not_public() -> None:
    members = "|".join(name.partition(".")[2] for name in SIGNATURES if "register" not in name)
    properties = r"\binstance\.event_log_storage|repository_def\.asset_graph"
    private = re.compile(
        rf"(from|import) (dagster\w*|dbt\w*)[\w.]*\._|\.({members})\(|template_cache|{properties}"
    )
    root = Path(__file__).parents[1]
    files = [path for part in (*PARTS, "stack", "benchmarks") for path in (root / part).rglob("*.py")]
    found = {path.name for path in files if private.search(path.read_text())}
    assert found == {"seams.py"}


def test_an_executor_is_made_of_a_context_alone() -> None:
    create = dg.in_process_executor.executor_creation_fn
    assert create is not None
    assert len(inspect.signature(create).parameters) == 1
    assert {"instance"} <= {name for name, _ in inspect.getmembers(dg.InitExecutorContext)}


def test_a_tick_tells_from_which_description_its_instance_was_made() -> None:
    assert isinstance(dg.SensorEvaluationContext.instance_ref, property)
    assert {"local_artifact_storage_data", "event_storage_data"} <= set(InstanceRef._fields)


def test_the_storage_of_a_url_makes_its_tables() -> None:
    parameters = inspect.signature(DagsterPostgresStorage.__init__).parameters
    assert next(iter(parameters)) == "self"
    assert "postgres_url" in parameters
    assert parameters["should_autocreate_tables"].default is True


def test_dbt_compiles_a_macro_once_for_all_that_call_it() -> None:
    from dbt.contracts.graph.manifest import Manifest
    from dbt_common.clients.jinja import template_cache

    (node,) = inspect.signature(template_cache.get_node_template).parameters
    assert node == "node"
    assert callable(Manifest.deepcopy)
    for module in seams.DBT_MODULES:
        assert __import__(module)


def test_a_switch_that_is_neither_on_nor_off_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(seams.WARM_DBT, "no")
    with pytest.raises(ValueError, match="SOFTCART_WARM_DBT is 'no': set it to on or off"):
        seams.is_on(seams.WARM_DBT)


def test_no_process_with_dbt_is_kept_where_none_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(seams.WARM_DBT, "off")
    keeper = warm.Keeper()
    keeper.keep()
    assert keeper._process is None
    assert warm._connect() is None


class Tick:
    """As much of a sensor's tick as is asked for."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self.instance = instance
        self.instance_ref = instance.get_ref()


def test_connections_are_kept_unless_that_is_switched_off(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[dg.DagsterInstance] = []
    monkeypatch.setattr(
        dg.DagsterInstance, "optimize_for_webserver", lambda instance, **limits: asked.append(instance)
    )
    with dg.instance_for_test(temp_dir=str(tmp_path_factory.mktemp("home"))) as instance:
        tick: Any = Tick(instance)
        assert seams.KeptInstance().of(tick) is not instance
        assert len(asked) == 1
        monkeypatch.setenv(seams.KEPT_CONNECTIONS, "off")
        assert seams.KeptInstance().of(tick) is instance
        seams.RunQueue().register_instance(instance)
        assert len(asked) == 1
        monkeypatch.delenv(seams.KEPT_CONNECTIONS)
        seams.RunQueue().register_instance(instance)
        assert len(asked) == 2


@pytest.mark.parametrize(
    "member, before, has, lacks",
    [
        ("has_table", (), "asset_keys", "none"),
        ("_has_asset_key_col_on_connection", (None,), "asset_key", "none"),
    ],
    ids=["table", "column"],
)
def test_the_storage_of_events_is_asked_once_for_what_it_has(
    member: str,
    before: tuple[Any, ...],
    has: str,
    lacks: str,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with dg.instance_for_test(temp_dir=str(tmp_path_factory.mktemp("home"))) as instance:
        storage: Any = instance.event_log_storage
        asked: list[str] = []

        def counted(_storage: Any, *arguments: Any) -> bool:
            asked.append(arguments[-1])
            return bool(arguments[-1] == has)

        monkeypatch.setattr(type(storage), member, counted)
        seams.keep_connections(instance)
        seams.keep_connections(instance)
        ask = getattr(storage, member)
        assert [ask(*before, name) for name in (has, has, lacks, lacks)] == [True, True, False, False]
        assert asked == [has, lacks, lacks]
