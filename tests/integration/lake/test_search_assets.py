"""Search analytics as assets: the demo shop's terms through the lake and Spark to the exports."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg
import pymysql
import pytest
from pymongo.database import Database

from demo import generate
from demo.searches import MISSES, RISERS
from resources.lake import LakeResource
from resources.spark import SparkResource
from softcart_assets.build import build_defs
from stack.cluster import Cluster
from tests.integration.lake.conftest import lake_server

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

SELECTION = dg.AssetSelection.groups("search").upstream().materializable() | dg.AssetSelection.assets(
    *(
        dg.AssetKey([group, name])
        for group in ("reports", "exports")
        for name in ("top_search_terms", "rising_search_terms", "unmatched_search_terms")
    )
)
FILES = {"top_search_terms.csv", "rising_search_terms.csv", "unmatched_search_terms.csv"}


asked: list[str] = []
"""Who asked for the session, since the last run began."""
SHARED = SparkResource(master="local[2]", settings={"spark.driver.memory": "768m"})
"""A JVM for all tests here; that a run has one of its own is the test of the resource."""


class Shared(SparkResource):
    @property
    def session(self) -> SparkSession:
        asked.append("an asset")
        return SHARED.session


@pytest.fixture(scope="module", autouse=True)
def stopped() -> Iterator[None]:
    yield
    SHARED.stop()


class Graph:
    """The part of the graph that search terms go through, with a Spark resource that tells what it did."""

    def __init__(self, landing: Path, exports: Path, lake: str) -> None:
        self.landing = landing
        self.exports = exports / "reports"
        self._definitions = build_defs(
            resource_overrides={"lake": LakeResource(root=lake), "spark": Shared()}
        )

    def run(self) -> dg.ExecuteInProcessResult:
        asked.clear()
        return dg.materialize(
            [each for each in self._definitions.assets or [] if isinstance(each, dg.AssetsDefinition)],
            selection=SELECTION,
            resources=self._definitions.resources,
            instance=dg.DagsterInstance.ephemeral(),
        )

    @property
    def started(self) -> bool:
        """Whether the last run started Spark."""
        return bool(asked)

    def report(self, name: str) -> list[list[str]]:
        with (self.exports / f"{name}.csv").open(newline="") as file:
            return list(csv.reader(file))[1:]

    def searched(self) -> Counter[str]:
        with (self.landing / "searchterms.csv").open(encoding="utf-8-sig", newline="") as file:
            return Counter(row["searchterm"].strip() for row in csv.DictReader(file))


@pytest.fixture(params=["disk", *(pytest.param(kind, marks=pytest.mark.extended) for kind in ("s3", "hdfs"))])
def graph(
    request: pytest.FixtureRequest,
    platform: dict[str, str],
    shop: pymysql.Connection[pymysql.cursors.Cursor],
    catalog: Database[dict[str, object]],
    stack: Cluster,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Graph:
    landing = tmp_path / "landing"
    generate(landing, seed=7, size=2000)
    monkeypatch.setenv("SOFTCART_LANDING", str(landing))
    monkeypatch.setenv("SOFTCART_EXPORTS", str(tmp_path / "exports"))
    root = str(tmp_path / "lake")
    if request.param != "disk":
        root = f"{lake_server(stack, request.param, monkeypatch)}/{tmp_path.name}"
    return Graph(landing, tmp_path / "exports", root)


written: dict[str, bytes] = {}
"""The exports of the first lake, with which those of the others are compared."""


def test_reports_on_search_terms_are_a_recount_wherever_the_lake_is(graph: Graph) -> None:
    assert graph.run().success
    assert graph.started
    searched = graph.searched()
    assert graph.report("top_search_terms") == [
        [term, str(count)]
        for term, count in sorted(searched.items(), key=lambda item: (-item[1], item[0].encode()))
    ]
    missed = {term for term, *_ in graph.report("unmatched_search_terms")}
    assert missed >= set(MISSES)
    assert "laptop" not in missed
    assert {term for term, *_ in graph.report("rising_search_terms")[:3]} >= set(RISERS)
    exports = {path.name: path.read_bytes() for path in graph.exports.iterdir() if path.name in FILES}
    assert exports == (written or exports)
    written.update(exports)

    # Nothing new: no session.
    assert graph.run().success
    assert not graph.started

    # One search more.
    with (graph.landing / "searchterms.csv").open("a") as file:
        file.write("31,10,2026,laptop\n")
    assert graph.run().success
    assert graph.started
    assert ["laptop", str(searched["laptop"] + 1)] in graph.report("top_search_terms")
