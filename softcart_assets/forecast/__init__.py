"""The forecast as assets: what was trained elsewhere, what is trained here, what stands, and the sales to
come.

How sales are forecast is the package `forecast`; here is what Dagster shows of it, and when it is done anew.
"""

from collections.abc import Sequence

import dagster as dg

from softcart_assets.forecast.pretrained import build_pretrained_assets
from softcart_assets.forecast.sales import build_sales_assets
from softcart_assets.forecast.training import build_training_assets

__all__ = ["build_forecast_assets"]


def build_forecast_assets() -> Sequence[dg.AssetsDefinition]:
    """All steps of the group `forecast`, and the table that they end in."""
    return [*build_pretrained_assets(), *build_training_assets(), *build_sales_assets()]
