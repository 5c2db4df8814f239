import dagster as dg

from softcart_assets.failures import failure
from sync.errors import SyncError, TransientError


def test_what_may_pass_later_is_tried_again_and_what_cannot_is_not() -> None:
    assert isinstance(failure([TransientError("away")]), dg.RetryRequested)
    refused = failure([TransientError("away"), SyncError("no such table")])
    assert isinstance(refused, dg.Failure)
    assert not refused.allow_retries
    assert refused.description == "away; no such table"
