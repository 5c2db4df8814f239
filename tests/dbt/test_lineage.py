"""Column lineage of small queries."""

from __future__ import annotations

import pytest

from softcart_assets.dbt.lineage import describe

TABLES = {
    "raw": {"sale": {"id": "bigint", "price": "numeric", "item": "bigint"}},
    "star": {"item": {"id": "bigint", "name": "text"}},
}


def origins(sql: str) -> dict[str, list[str]]:
    return {
        name: [".".join(part) for part in found] for name, (_, found) in describe(sql, "db", TABLES).items()
    }


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("select price from db.raw.sale", {"price": ["raw.sale.price"]}),
        (
            "with s as (select * from db.raw.sale) select s.price * 2 as double, i.name"
            " from s left join db.star.item as i on i.id = s.item",
            {"double": ["raw.sale.price"], "name": ["star.item.name"]},
        ),
        (
            "select id from db.raw.sale union all select id from db.star.item",
            {"id": ["raw.sale.id", "star.item.id"]},
        ),
        (
            "select lag(price) over (partition by item order by id) as before from db.raw.sale",
            {"before": ["raw.sale.id", "raw.sale.item", "raw.sale.price"]},
        ),
        (
            "select item, sum(price) as total, 'x' as letter from db.raw.sale group by rollup (item)",
            {"item": ["raw.sale.item"], "total": ["raw.sale.price"], "letter": []},
        ),
    ],
    ids=["plain", "expression over a join", "union", "window", "grouping and constant"],
)
def test_a_column_goes_back_to_the_columns_it_is_made_of(sql: str, expected: dict[str, list[str]]) -> None:
    assert origins(sql) == expected


def test_a_column_has_the_type_that_follows_from_its_expression() -> None:
    found = describe(
        "select id, sum(price) as total, md5(x()) as hash from db.raw.sale group by id", "db", TABLES
    )
    assert {name: kind for name, (kind, _) in found.items()} == {
        "id": "bigint", "total": "numeric", "hash": "text"
    }  # fmt: skip
