"""How an error of the packages below becomes a failed or a retried step.

There is one layer of retries: what is transient asks Dagster for another try, everything else fails the step
at once, since the same input would fail again.
"""

from collections.abc import Sequence

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
