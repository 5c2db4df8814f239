"""A logger for people: one line an asset instead of the raw event log.

Choose it with the run configuration `loggers: {progress: {}}`; `make run` and `make sync` do.
"""

import logging
import sys
from collections.abc import Mapping
from typing import Any, TextIO

import dagster as dg
from dagster import AssetCheckEvaluation, DagsterEvent

CHANGES = (("inserted", "+"), ("updated", "~"), ("deleted", "-"))


def _value(metadata: Mapping[str, Any], name: str) -> Any:
    entry = metadata.get(name)
    return getattr(entry, "value", None)


def _materialized(key: dg.AssetKey, metadata: Mapping[str, Any]) -> str:
    rows = _value(metadata, "dagster/row_count")
    seconds = _value(metadata, "seconds")
    changes = [f"{sign}{count:,}" for name, sign in CHANGES if (count := _value(metadata, name))]
    for name in ("conflicts", "quarantined"):
        if count := _value(metadata, name):
            changes.append(f"{count:,} {name}")
    return (
        f"  {key.to_user_string():<38}"
        f"{'' if rows is None else f'{rows:,}':>12} rows"
        f"{'' if seconds is None else f'{seconds:,.1f} s':>10}"
        f"  {'  '.join(changes)}"
    ).rstrip()


def _checked(check: AssetCheckEvaluation) -> str | None:
    if check.passed:
        return None
    word = "warning" if check.severity is dg.AssetCheckSeverity.WARN else "FAILED"
    name = f"{check.asset_key.to_user_string()} {check.check_name}"
    return f"  {word}: {name}: {check.description or 'see its metadata'}"


def describe(event: DagsterEvent) -> str | None:
    """The line for one event, or None where a person need not see it."""
    if event.is_step_materialization:
        materialization = event.step_materialization_data.materialization
        return _materialized(materialization.asset_key, materialization.metadata)
    if event.event_type_value == "ASSET_CHECK_EVALUATION":
        return _checked(event.asset_check_evaluation_data)
    if event.is_step_failure:
        return f"  FAILED: {event.step_key}: {failure_reason(event)}"
    if event.event_type_value == "STEP_UP_FOR_RETRY":
        return f"  {event.step_key}: will be tried again"
    return None


def failure_reason(event: DagsterEvent) -> str:
    """The innermost cause of a failed step, in one line."""
    data = event.step_failure_data
    if data.user_failure_data and data.user_failure_data.description:
        return data.user_failure_data.description
    error = data.error
    while error is not None and error.cause is not None:
        error = error.cause
    return error.message.strip() if error is not None else "no reason given"


class ProgressHandler(logging.Handler):
    """Writes the line of each event to a stream; messages of warning and above as they are."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self.stream = stream

    def emit(self, record: logging.LogRecord) -> None:
        event = getattr(record, "dagster_event", None)
        if event is not None:
            line = describe(event)
        else:
            line = f"  {record.dagster_meta['orig_message']}" if record.levelno >= logging.WARNING else None  # type: ignore[attr-defined]
        if line:
            self.stream.write(line + "\n")
            self.stream.flush()


@dg.logger(config_schema=None, description="One line an asset: rows, seconds and what changed.")
def progress(_context: dg.InitLoggerContext) -> logging.Logger:
    logger = logging.Logger("softcart.progress", level=logging.DEBUG)
    logger.addHandler(ProgressHandler(sys.stderr))
    return logger
