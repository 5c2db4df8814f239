"""The web log as assets: its addresses cleaned and archived (`addresses`), its lines parsed (`requests`) and
counted (`counted`), the lines in the lake (`lake`), and what was requested of pages as a file (`pages`).

How is the package `weblog`. A log that is not there leaves the assets empty and says so.
"""

import dagster as dg

from softcart_assets.weblog.addresses import build_addresses
from softcart_assets.weblog.counted import build_counted
from softcart_assets.weblog.lake import build_lake
from softcart_assets.weblog.pages import build_pages
from softcart_assets.weblog.requests import build_requests

__all__ = ["build_weblog_assets"]


def build_weblog_assets() -> list[dg.AssetsDefinition]:
    """The steps of the web log; they need the resources `landing`, `staging` and `lake`."""
    return [build_addresses(), build_requests(), build_counted(), build_lake(), build_pages()]
