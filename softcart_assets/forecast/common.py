"""What the forecast's steps have in common."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg

from forecast.series import History, monthly_history
from forecast.store import Store
from softcart_assets.dbt.runner import DEFAULT_TIMEZONE
from softcart_assets.failures import failure
from softcart_assets.metadata import OWNER
from sync.errors import SyncError

GROUP = "forecast"
POOL = "forecast"
CANDIDATE, CHAMPION, SALES = (dg.AssetKey([GROUP, name]) for name in ("candidate", "champion", "sales"))
PRETRAINED, SALES_2023 = (dg.AssetKey([GROUP, name]) for name in ("pretrained", "sales_2023"))
HISTORY = dg.AssetKey(["reports", "sales_by_month_category"])
TRAINED, PROMOTED, ISSUED, LOOKED = "trained", "champion", "issued", "looked"
"""Subjects of the store: the last training, the model that stands, the forecast, what was looked at last."""


def asset_spec(
    key: dg.AssetKey, deps: Iterable[dg.AssetKey], description: str, kinds: Iterable[str]
) -> dg.AssetSpec:
    return dg.AssetSpec(
        key,
        deps=list(deps),
        group_name=GROUP,
        description=description,
        owners=[OWNER],
        kinds=set(kinds),
    )


@contextmanager
def opened(context: dg.AssetExecutionContext) -> Iterator[Store]:
    """The store in staging; what goes wrong in the block fails the step by its message."""
    try:
        with context.resources.staging.connect() as connection:
            yield Store(connection)
    except SyncError as error:
        raise failure([error]) from error


def today() -> dt.date:
    """The day in the business's time zone."""
    return dt.datetime.now(ZoneInfo(os.environ.get("SOFTCART_TIMEZONE") or DEFAULT_TIMEZONE)).date()


def read_history(store: Store) -> History:
    """The finished months. Raises `HistoryTooShort`."""
    return monthly_history(*store.sales(), today())


def noted(notes: Iterable[str]) -> dict[str, Any]:
    """Notes as metadata, nothing where there are none."""
    text = "; ".join(notes)
    return {"note": text} if text else {}
