"""How an error of the packages below becomes a failed or a retried step.

There is one layer of retries: what is transient asks Dagster for another try, everything else fails the step
at once, since the same input would fail again.
"""

import json
from collections.abc import Mapping, Sequence

import dagster as dg

from sync.errors import SyncError, TransientError

MAX_RETRIES = 3
SECONDS_TO_WAIT = 10


def failure(errors: Sequence[SyncError]) -> dg.Failure | dg.RetryRequested:
    """What a step raises for what went wrong in it, in one or several tables: another try if each of them may
    pass later, else a failure with the messages."""
    if all(isinstance(error, TransientError) for error in errors):
        return dg.RetryRequested(max_retries=MAX_RETRIES, seconds_to_wait=SECONDS_TO_WAIT)
    return dg.Failure("; ".join(str(error) for error in errors), allow_retries=False)


def repair_command(key: dg.AssetKey, op: str, config: Mapping[str, object]) -> str:
    """What to type to materialize an asset with a configuration of its op, in a shell that has `make env`."""
    run_config = json.dumps({"ops": {op: {"config": config}}})
    select = f"dagster asset materialize -f definitions.py --select {key.to_user_string()}"
    return f"{select} --config-json '{run_config}'"
