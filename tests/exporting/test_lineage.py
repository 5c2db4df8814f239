"""The lineage page of the graph: each column's way from its source, by links that lead somewhere."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from softcart_assets.build import build_defs
from softcart_assets.dbt.loading import load_project
from softcart_assets.exports.lineage import page


class Reader(HTMLParser):
    """Of each column of each table, by its place, the text and the links of its cells."""

    def __init__(self) -> None:
        super().__init__()
        self.places: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.rows: dict[str, list[list[str]]] = {}
        self._row: list[list[str]] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        if place := given.get("id"):
            self.places.add(place)
            if tag == "tr":
                self._row = self.rows[place] = []
        if tag == "td":
            self._row.append([])
        if tag == "a":
            self.links.append(given["href"] or "")
        if tag in ("script", "link", "img", "iframe"):
            self.loaded.append(tag)

    def handle_data(self, data: str) -> None:
        if self._row and data.strip(" ,\n"):
            self._row[-1].append(data.strip(" ,\n"))


@pytest.fixture(scope="module")
def shown() -> Reader:
    reader = Reader()
    reader.feed(page(build_defs().resolve_all_asset_specs(), load_project()))
    return reader


def test_a_column_is_followed_back_to_where_it_begins(shown: Reader) -> None:
    name, type_, description, made_of, begins_as = shown.rows["exports/total_sales_per_country.total_sales"]
    assert name == ["total_sales"] and type_ and description
    assert made_of == ["production/total_sales_per_country.total_sales"]
    assert begins_as == ["raw/fact_sales.amount", "shop/sales_data.price", "shop/sales_data.quantity"]
    assert shown.rows["star/dim_customer.country"][3] == ["raw/customers.country"]


def test_a_column_that_its_source_calls_otherwise_is_followed_by_both_names(shown: Reader) -> None:
    assert shown.rows["lake/order_lines.address_line_1"][3:] == [
        ["raw/order_lines.address_line_1"],
        ["orders/order_lines.ADDRESSLINE1"],
    ]


def test_every_link_leads_to_a_place_of_the_page_and_nothing_is_loaded(shown: Reader) -> None:
    assert len(shown.links) > 500
    assert [link for link in shown.links if not link.startswith("#") or link[1:] not in shown.places] == []
    assert shown.loaded == []


def test_the_same_graph_gives_the_same_page() -> None:
    once, again = (page(build_defs().resolve_all_asset_specs(), load_project()) for _ in range(2))
    assert once == again
    assert "<svg" in once
