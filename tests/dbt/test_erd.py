"""The picture in docs is the one that the models give."""

from __future__ import annotations

import json
from xml.etree import ElementTree

from softcart_assets.dbt.erd import DOCS, diagram, mermaid, star_models, svg
from softcart_assets.dbt.graph import load_project


def test_the_committed_diagrams_are_those_of_the_models() -> None:
    project = load_project()
    assert (DOCS / "erd.svg").read_text(encoding="utf-8") == svg(project), "run make erd"
    assert (DOCS / "erd.mmd").read_text(encoding="utf-8") == mermaid(project), "run make erd"
    assert (DOCS / "star.pgerd").read_text(encoding="utf-8") == diagram(project), "run make erd"


def test_every_reference_is_a_line_in_the_picture() -> None:
    project = load_project()
    picture = ElementTree.fromstring(svg(project))
    links = [element for element in picture.iter() if element.get("class") == "link"]
    facts, dimensions = star_models(project)
    assert len(links) == sum(len(model.foreign_keys) for model in facts + dimensions) == 5


def test_pgadmin_finds_every_table_and_both_ends_of_every_link() -> None:
    project = load_project()
    links, nodes = (layer["models"] for layer in json.loads(diagram(project))["data"]["layers"])
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
