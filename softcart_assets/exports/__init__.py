"""The files in SOFTCART_EXPORTS, one asset each: reports as CSV (`reports`) and as a workbook (`workbook`),
collections of the catalog (`collections`), the dump of the shop's sales (`dump`). The same data gives the
same bytes."""

import dagster as dg

from softcart_assets.dbt.graph import Project
from softcart_assets.exports.collections import build_collection_exports
from softcart_assets.exports.dump import build_dump
from softcart_assets.exports.reports import TOTALS, build_report_exports, staging_reports
from softcart_assets.exports.workbook import build_workbook


def build_export_assets(project: Project) -> list[dg.AssetsDefinition]:
    """An asset for every file."""
    return [
        *build_report_exports(project),
        build_workbook([*staging_reports(project), TOTALS]),
        *build_collection_exports(),
        build_dump(),
    ]
