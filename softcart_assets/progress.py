"""A logger for people: one line an asset instead of the raw event log.

Choose it with the run configuration `loggers: {progress: {}}`; `make run` and `make sync` do.
"""

import logging
import re
import sys
from collections.abc import Mapping
from typing import Any, TextIO

import dagster as dg
from dagster import AssetCheckEvaluation, DagsterEvent

CHANGES = (("inserted", "+"), ("updated", "~"), ("deleted", "-"))
FAILED_CHECK = "DagsterAssetCheckFailedError"  # which Dagster does not export
# Dagster's only word of a step that it leaves out; it names an input as often as it is used.
LEFT_OUT = re.compile(r"Dependencies for step (\S+) .*Not executing\.", re.DOTALL)


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


def check_line(check: AssetCheckEvaluation) -> str:
    """Asset, name and finding of a check, in one line."""
    finding = " ".join((check.description or "see its metadata").split())
    return f"{check.asset_key.to_user_string()} {check.check_name}: {finding}"


def _checked(check: AssetCheckEvaluation) -> str | None:
    if check.passed:
        return None
    word = "warning" if check.severity is dg.AssetCheckSeverity.WARN else "FAILED"
    return f"  {word}: {check_line(check)}"


def describe(event: DagsterEvent) -> str | None:
    """The line for one event, or None where a person need not see it."""
    if event.is_step_materialization:
        materialization = event.step_materialization_data.materialization
        return _materialized(materialization.asset_key, materialization.metadata)
    if event.event_type_value == "ASSET_CHECK_EVALUATION":
        return _checked(event.asset_check_evaluation_data)
    if event.is_step_failure and not is_failed_check(event):
        return f"  FAILED: {event.step_key}: {failure_reason(event)}"
    if event.event_type_value == "STEP_UP_FOR_RETRY":
        return f"  {event.step_key}: will be tried again"
    return None


def failure_reason(event: DagsterEvent) -> str:
    """The innermost cause of a failed step, in one line."""
    data = event.step_failure_data
    if data.user_failure_data and data.user_failure_data.description:
        return " ".join(data.user_failure_data.description.split())
    return _innermost_error(event)[1]


def is_failed_check(event: DagsterEvent) -> bool:
    """Whether a step failed for nothing but its blocking checks, which speak for themselves."""
    return _innermost_error(event)[0] == FAILED_CHECK


def _innermost_error(event: DagsterEvent) -> tuple[str | None, str]:
    """Its class and, in one line, its message."""
    error = event.step_failure_data.error
    while error is not None and error.cause is not None:
        error = error.cause
    return (error.cls_name, " ".join(error.message.split())) if error else (None, "no reason given")


def _message(record: logging.LogRecord) -> str | None:
    """The line for what is no event: warnings and errors."""
    if record.levelno < logging.WARNING:
        return None
    text: str = record.dagster_meta["orig_message"]  # type: ignore[attr-defined]
    left_out = LEFT_OUT.fullmatch(text)
    return f"  not run: {left_out[1]}" if left_out else f"  {text}"


class ProgressHandler(logging.Handler):
    """Writes the line of each event and of each warning or error to a stream."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self.stream = stream

    def emit(self, record: logging.LogRecord) -> None:
        event = getattr(record, "dagster_event", None)
        if line := _message(record) if event is None else describe(event):
            self.stream.write(line + "\n")
            self.stream.flush()


@dg.logger(config_schema=None, description="One line an asset: rows, seconds and what changed.")
def progress(_context: dg.InitLoggerContext) -> logging.Logger:
    logger = logging.Logger("softcart.progress", level=logging.DEBUG)
    logger.addHandler(ProgressHandler(sys.stderr))
    return logger
