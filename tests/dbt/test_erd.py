"""The picture in docs is the one that the models give."""

from __future__ import annotations

from xml.etree import ElementTree

from softcart_assets.dbt.erd import DOCS, mermaid, svg
from softcart_assets.dbt.graph import load_project


def test_the_committed_diagrams_are_those_of_the_models() -> None:
    project = load_project()
    assert (DOCS / "erd.svg").read_text(encoding="utf-8") == svg(project), "run make erd"
    assert (DOCS / "erd.mmd").read_text(encoding="utf-8") == mermaid(project), "run make erd"


def test_every_reference_is_a_line_in_the_picture() -> None:
    project = load_project()
    picture = ElementTree.fromstring(svg(project))
    links = [element for element in picture.iter() if element.get("class") == "link"]
    assert len(links) == sum(len(model.foreign_keys) for model in project.models) == 5
