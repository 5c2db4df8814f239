"""The picture in docs is the one that the models give."""

from __future__ import annotations

import json
from xml.etree import ElementTree

from softcart_assets.dbt.erd.__main__ import DOCS
from softcart_assets.dbt.erd.layout import shown_columns, star_models
from softcart_assets.dbt.erd.mermaid import mermaid
from softcart_assets.dbt.erd.pgerd import pgerd
from softcart_assets.dbt.erd.picture import svg
from softcart_assets.dbt.loading import load_project


def test_the_committed_diagrams_are_those_of_the_models() -> None:
    project = load_project()
    assert (DOCS / "erd.svg").read_text(encoding="utf-8") == svg(project), "run make erd"
    assert (DOCS / "erd.mmd").read_text(encoding="utf-8") == mermaid(project), "run make erd"
    assert (DOCS / "star.pgerd").read_text(encoding="utf-8") == pgerd(project), "run make erd"


def test_every_table_column_and_reference_is_in_the_picture() -> None:
    project = load_project()
    facts, dimensions = star_models(project)
    picture = ElementTree.fromstring(svg(project))
    texts = [element.text for element in picture.iter() if element.tag.endswith("}text")]
    for model in facts + dimensions:
        assert texts.count(model.name) == 1
        assert {column.name for column in shown_columns(model)} <= set(texts)
    lines = [group for group in picture.iter() if "mark-line" in group.get("class", "")]
    assert len(lines) == sum(len(model.foreign_keys) for model in facts) == 5


def test_pgadmin_finds_every_table_and_both_ends_of_every_link() -> None:
    project = load_project()
    links, nodes = (layer["models"] for layer in json.loads(pgerd(project))["data"]["layers"])
    tables = {node["id"]: node["otherInfo"]["data"] for node in nodes.values()}
    assert {table["name"] for table in tables.values()} == {
        model.name for model in project.models if model.schema == "star"
    }
    found = set()
    for link in links.values():
        for end, port in ((link["source"], link["sourcePort"]), (link["target"], link["targetPort"])):
            (held,) = [known for known in nodes[end]["ports"] if known["id"] == port]
            assert link["id"] in held["links"]
        data = link["data"]
        child, parent = tables[data["local_table_uid"]], tables[data["referenced_table_uid"]]
        local, referenced = data["local_column_attnum"], data["referenced_column_attnum"]
        found.add((child["columns"][local]["name"], parent["name"], parent["columns"][referenced]["name"]))
    fact = project.model("fact_sales")
    assert found == {(key.columns[0], key.model, key.to_columns[0]) for key in fact.foreign_keys}
    (price,) = [column for column in tables[link["target"]]["columns"] if column["name"] == "price"]
    assert (price["cltype"], price["attlen"], price["attprecision"]) == ("numeric", 12, 2)
