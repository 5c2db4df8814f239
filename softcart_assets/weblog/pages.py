"""`exports/weblog_html.csv`: what was requested of pages."""

import csv
from collections import defaultdict
from pathlib import Path
from typing import Any

import dagster as dg

from exporting.storing import written
from softcart_assets.exports.files import exports_folder, file_metadata
from softcart_assets.metadata import OWNER
from softcart_assets.pictures import FIRST_ROWS, MOST_POINTS, Picture, pictured
from softcart_assets.weblog.common import REQUESTS, failing, folder, materialized
from weblog.requests import READER, Requests
from weblog.state import State

HTML = dg.AssetKey(["exports", "weblog_html"])
DAY = 10  # characters of a timestamp


def build_pages() -> dg.AssetsDefinition:
    """`exports/weblog_html`."""

    @dg.multi_asset(
        name="export_weblog_html",
        specs=[
            dg.AssetSpec(
                HTML,
                deps=[REQUESTS],
                group_name="exports",
                description="Time and megabytes of each request for a page (.html), in order. A CSV file.",
                owners=[OWNER],
                kinds={"csv"},
            )
        ],
        required_resource_keys={"staging"},
    )
    def export_weblog_html(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
        path = exports_folder() / "weblog_html.csv"
        with failing(), context.resources.staging.connect() as staging:
            state = State(staging, READER)
            with state.held(), written(path) as beside, beside.open("wb") as out:
                for content in Requests(state, folder(staging) / "requests").pages():
                    out.write(content)
        return _shown(path)

    return export_weblog_html


def _shown(path: Path) -> dg.MaterializeResult[Any]:
    rows = 0
    first: list[list[str]] = []
    megabytes: defaultdict[str, float] = defaultdict(float)
    with path.open(newline="") as file:
        reader = csv.reader(file)
        header = next(reader)
        for rows, row in enumerate(reader, 1):
            if rows <= FIRST_ROWS:
                first.append(row)
            megabytes[row[0][:DAY]] += float(row[1])
    chart = Picture("Megabytes of pages by day", is_time=True)
    picture = pictured(header, first, chart, sorted(megabytes.items())[-MOST_POINTS:])
    return materialized(HTML, rows, **file_metadata(path), **picture)
