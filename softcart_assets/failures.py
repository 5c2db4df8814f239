"""How an error of the packages below, or a check that blocks, becomes a failed or a retried step.

There is one layer of retries: what is transient asks Dagster for another try, everything else fails the step
at once, since the same input would fail again. Whatever failed, the step's own failure says why: Dagster
would say of the last try that it was the last one, and of a check its name.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

import dagster as dg

from softcart_assets.progress import check_line
from sync.errors import SyncError, TransientError

MAX_RETRIES = 3
SECONDS_TO_WAIT = 10

Params = ParamSpec("Params")
Event = TypeVar("Event")


class FailedChecks(dg.Failure):
    """A step that did its work, and whose blocking checks found something; the description says what."""


def failure(errors: Sequence[SyncError]) -> dg.Failure | dg.RetryRequested:
    """What a step raises for what went wrong in it, in one or several tables: another try if each of them may
    pass later, else, and after the last try, a failure with the messages. Raise it from one of the errors, so
    that what is tried again has its reason beside it."""
    may_pass = all(isinstance(error, TransientError) for error in errors)
    if may_pass and dg.OpExecutionContext.get().retry_number < MAX_RETRIES:
        return dg.RetryRequested(max_retries=MAX_RETRIES, seconds_to_wait=SECONDS_TO_WAIT)
    said = "; ".join(dict.fromkeys(str(error) for error in errors))
    tried = f" (tried {MAX_RETRIES + 1} times)" if may_pass else ""
    return dg.Failure(f"{said}{tried}", allow_retries=False)


def names_findings(
    compute: Callable[Concatenate[dg.AssetExecutionContext, Params], Iterator[Event]],
) -> Callable[..., Iterator[Event]]:
    """A decorator for a step's function, below Dagster's own: where blocking checks found something, the step
    ends with `FailedChecks`, which says what."""

    @wraps(compute)
    def named(
        context: dg.AssetExecutionContext, *args: Params.args, **others: Params.kwargs
    ) -> Iterator[Event]:
        blocking = {(spec.asset_key, spec.name) for spec in context.assets_def.check_specs if spec.blocking}
        found: list[str] = []
        for event in compute(context, *args, **others):
            found += [
                check_line(check)
                for check in _failed(event)
                if (check.asset_key, check.check_name) in blocking
            ]
            yield event
        if found:
            raise FailedChecks("; ".join(found), allow_retries=False)

    return named


def _failed(event: object) -> Sequence[dg.AssetCheckResult]:
    """The checks in what a step yields that failed and are of severity error."""
    results: Sequence[Any] = [event]
    if isinstance(event, dg.MaterializeResult):
        results = event.check_results or []
    return [
        result
        for result in results
        if isinstance(result, dg.AssetCheckResult)
        and not result.passed
        and result.severity is dg.AssetCheckSeverity.ERROR
    ]


def repair_command(key: dg.AssetKey, op: str, config: Mapping[str, object]) -> str:
    """What to type to materialize an asset with a configuration of its op, in a shell that has `make env`."""
    run_config = json.dumps({"ops": {op: {"config": config}}})
    select = f"dagster asset materialize -f definitions.py --select {key.to_user_string()}"
    return f"{select} --config-json '{run_config}'"
