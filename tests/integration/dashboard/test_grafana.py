"""Grafana's dashboards: the files that are kept, and each of their queries on a real production."""

from __future__ import annotations

import json

import pytest

from dashboard.grafana import BARS, SYSTEMS, files
from dashboard.panels import SECTIONS
from tests.integration.dashboard import warehouse
from tests.integration.dashboard.test_page import ROWS


def test_the_files_are_those_that_the_panels_make() -> None:
    for path, text in files():
        assert path.read_text() == text, f"run make grafana: {path.name}"


def test_every_panel_is_there() -> None:
    assert {panel.name for section in SECTIONS for panel in section.panels} == {*BARS}


@pytest.mark.parametrize("number", range(len(SYSTEMS)))
def test_every_query_gives_names_and_values(production: str, number: int) -> None:
    warehouse.make(production, ROWS)
    system, (_, text) = SYSTEMS[number], [*files()][number]
    targets = [target for panel in json.loads(text)["panels"] for target in panel.get("targets", ())]
    assert len(targets) == len(BARS)
    for target in targets:
        rows = warehouse.read(production, target[system.statement])
        assert rows, target
        assert {len(row) for row in rows} == {2}
