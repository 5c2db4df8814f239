"""What a run has planned, in Dagster's storage: the same whether it is written together or one by one."""

from __future__ import annotations

from typing import Any

import dagster as dg
import pytest
from dagster import DagsterInstance

from softcart_assets.seams import KEPT_CONNECTIONS, keep_connections
from tests.integration.operations.test_run_storage import instance
from tests.integration.sync_support import query

__all__ = ["instance"]  # a fixture


@dg.asset(
    check_specs=[dg.AssetCheckSpec("is_whole", asset="orders"), dg.AssetCheckSpec("is_new", asset="orders")]
)
def orders() -> Any:
    yield dg.MaterializeResult()
    yield dg.AssetCheckResult(passed=True, check_name="is_whole")
    yield dg.AssetCheckResult(passed=False, check_name="is_new")


@dg.asset(deps=[orders])
def lines() -> None:
    """Stands for what is behind it."""


JOB = dg.Definitions(assets=[orders, lines], jobs=[dg.define_asset_job("sync")]).resolve_job_def("sync")
EVENTS = """
    SELECT dagster_event_type, asset_key, partition, step_key, timestamp IS NOT NULL,
        replace(event::jsonb #>> '{}', run_id, '')::jsonb - 'timestamp'
    FROM event_logs WHERE run_id = '%s' AND dagster_event_type LIKE '%%PLANNED' ORDER BY id
"""
ASSETS = """
    SELECT asset_key, last_run_id = '%s', last_materialization_timestamp IS NOT NULL, asset_details IS NULL
    FROM asset_keys ORDER BY asset_key
"""
CHECKS = """
    SELECT c.asset_key, c.check_name, c.execution_status, c.evaluation_event IS NOT NULL, e.dagster_event_type
    FROM asset_check_executions c JOIN event_logs e ON e.id = c.evaluation_event_storage_id
    WHERE c.run_id = '%s' ORDER BY c.check_name
"""


def planned(instance: DagsterInstance) -> list[list[tuple[Any, ...]]]:
    """What the storage has of a run that was just made."""
    run = instance.create_run_for_job(JOB)
    url = instance.event_log_storage.postgres_url
    return [query(url, statement % run.run_id) for statement in (EVENTS, ASSETS, CHECKS)]


def test_written_together_it_is_what_it_is_one_by_one(
    instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DAGSTER_EVENT_BATCH_SIZE", raising=False)
    one_by_one = planned(instance)
    assert [len(rows) for rows in one_by_one] == [4, 2, 2]
    monkeypatch.setenv(KEPT_CONNECTIONS, "on")
    keep_connections(instance)
    assert planned(instance) == one_by_one


def test_a_run_takes_up_what_it_has_planned(
    instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", "3")  # fewer than there are
    keep_connections(instance)
    result = JOB.execute_in_process(instance=instance)
    url = instance.event_log_storage.postgres_url
    assert query(url, CHECKS % result.run_id) == [
        ('["orders"]', "is_new", "FAILED", True, "ASSET_CHECK_EVALUATION"),
        ('["orders"]', "is_whole", "SUCCEEDED", True, "ASSET_CHECK_EVALUATION"),
    ]
    kinds = "SELECT dagster_event_type, count(*) FROM event_logs WHERE run_id = '%s' GROUP BY 1"
    counted = dict(query(url, kinds % result.run_id))
    assert counted["ASSET_MATERIALIZATION_PLANNED"] == counted["ASSET_MATERIALIZATION"] == 2
    assert counted["ASSET_CHECK_EVALUATION_PLANNED"] == counted["ASSET_CHECK_EVALUATION"] == 2
