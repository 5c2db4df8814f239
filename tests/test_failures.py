"""What a step that failed says of itself, wherever Dagster shows it."""

from collections.abc import Iterator

import dagster as dg
import pytest
from dagster import DagsterEvent

from softcart_assets import failures
from softcart_assets.failures import failure, names_findings
from softcart_assets.progress import describe, failure_reason
from sync.errors import SyncError, TransientError

TABLE = dg.AssetKey(["raw", "orders"])
AWAY = "mysql://127.0.0.1:1/shop: connection refused"


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failures, "SECONDS_TO_WAIT", 0)


def events_of(asset: dg.AssetsDefinition) -> list[DagsterEvent]:
    with dg.DagsterInstance.ephemeral() as instance:
        return dg.materialize([asset], instance=instance, raise_on_error=False).all_events


def failing(*errors: SyncError) -> dg.AssetsDefinition:
    @dg.asset(key=TABLE)
    def table() -> None:
        try:
            raise ConnectionRefusedError(111, "the driver's own words")
        except ConnectionRefusedError as cause:
            errors[0].__cause__ = cause
        raise failure(errors) from errors[0]

    return table


def test_what_may_pass_later_is_tried_again_with_its_reason_which_is_the_failures_too() -> None:
    events = events_of(failing(TransientError(AWAY)))
    lines = [line for event in events if (line := describe(event))]
    assert lines == [
        *[f"  raw__orders: tried again in 0 s: {AWAY}"] * failures.MAX_RETRIES,
        f"  FAILED: raw__orders: {AWAY} (tried 4 times)",
    ]


def test_what_cannot_pass_is_not_tried_again_and_says_each_cause_once() -> None:
    refused = failing(TransientError(AWAY), SyncError("no such table"), TransientError(AWAY))
    lines = [line for event in events_of(refused) if (line := describe(event))]
    assert lines == [f"  FAILED: raw__orders: {AWAY}; no such table"]


def test_a_blocking_check_that_fails_is_what_its_step_says() -> None:
    @dg.multi_asset(
        specs=[dg.AssetSpec(TABLE)],
        check_specs=[
            dg.AssetCheckSpec("reconciliation", asset=TABLE, blocking=True),
            dg.AssetCheckSpec("names_are_known", asset=TABLE),
        ],
    )
    @names_findings
    def table(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None]]:
        yield dg.MaterializeResult(
            asset_key=TABLE,
            check_results=[
                dg.AssetCheckResult(
                    passed=False, check_name="reconciliation", asset_key=TABLE, description="row 7 is missing"
                ),
                dg.AssetCheckResult(passed=False, check_name="names_are_known", asset_key=TABLE),
            ],
        )

    events = events_of(table)
    (failed,) = [event for event in events if event.is_step_failure]
    assert failure_reason(failed) == "raw/orders reconciliation: row 7 is missing"
    assert len([event for event in events if event.event_type_value == "ASSET_CHECK_EVALUATION"]) == 2
    assert len([event for event in events if event.is_step_materialization]) == 1
