"""A logger for people: one line an asset instead of the raw event log.

Choose it with the run configuration `loggers: {progress: {}}`; `make run` and `make sync` do.
"""

import logging
import re
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TextIO

import dagster as dg
from dagster import AssetCheckEvaluation, DagsterEvent

if TYPE_CHECKING:
    from dagster_shared.error import SerializableErrorInfo

LINES: dict[str, Any] = {"loggers": {"progress": {}}}  # the run configuration that chooses it
HOW_FAR = "read: "  # how the line of a long reading begins in the run's log
CHANGES = (("inserted", "+"), ("updated", "~"), ("deleted", "-"))
# A step that failed for nothing but its checks: by our word, or by Dagster's, which it does not export.
FAILED_CHECKS = {"FailedChecks", "DagsterAssetCheckFailedError"}
# Errors whose text says it all, by how a traceback begins them.
OURS = re.compile(r"(?:(?:sync|landing|resources|softcart_assets)[.\w]*|dagster[.\w]*\.Failure): ")
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


def check_line(check: AssetCheckEvaluation | dg.AssetCheckResult) -> str:
    """Asset, name and finding of a check, in one line."""
    finding = " ".join((check.description or "see its metadata").split())
    key = f"{check.asset_key.to_user_string()} " if check.asset_key else ""
    return f"{key}{check.check_name}: {finding}"


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
        again = event.step_retry_data.seconds_to_wait
        return f"  {event.step_key}: tried again in {again} s: {_cause(event.step_retry_data.error)[1]}"
    return None


def failure_reason(event: DagsterEvent) -> str:
    """Why a step failed, in one line: what it said itself, else its innermost cause."""
    data = event.step_failure_data
    if data.user_failure_data and data.user_failure_data.description:
        return " ".join(data.user_failure_data.description.split())
    return _cause(data.error)[1]


def is_failed_check(event: DagsterEvent) -> bool:
    """Whether a step failed for nothing but its blocking checks, which speak for themselves."""
    return _cause(event.step_failure_data.error)[0] in FAILED_CHECKS


def _cause(error: "SerializableErrorInfo | None") -> tuple[str | None, str]:
    """Class and, in one line, message of the outermost error that is ours, else of the innermost one."""
    innermost = error
    while error is not None:
        if ours := OURS.match(error.message):
            return error.cls_name, " ".join(error.message[ours.end() :].split())
        innermost, error = error, error.cause
    if innermost is None:
        return None, "no reason given"
    return innermost.cls_name, " ".join(innermost.message.split())


def _message(record: logging.LogRecord) -> str | None:
    """The line for what is no event: warnings, errors, and how far a long reading is."""
    text: str = record.dagster_meta["orig_message"]  # type: ignore[attr-defined]
    if record.levelno < logging.WARNING and not text.startswith(HOW_FAR):
        return None
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
