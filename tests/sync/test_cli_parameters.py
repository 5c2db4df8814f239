"""What is read from the sync engine's command line."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from sync.cli.parameters import TableName, UrlType, read_name


@pytest.mark.parametrize(
    ("text", "database", "table"),
    [
        ("shop.sales_data", "shop", "sales_data"),
        ("catalog.items.v2", "catalog", "items.v2"),
        ("shop.my table", "shop", "my table"),
        ("`my.shop`.sales", "my.shop", "sales"),
        ('"my.shop"."a.b"', "my.shop", "a.b"),
        ("`a``b`.`c``.d`", "a`b", "c`.d"),
        ('shop.`"`', "shop", '"'),
        ('"a""b".it\'s', 'a"b', "it's"),
        ("shop.Ω`x`", "shop", "Ω`x`"),
    ],
)
def test_a_tables_name_is_read_with_its_quotes(text: str, database: str, table: str) -> None:
    assert read_name(text) == TableName(database, table)


@pytest.mark.parametrize(
    "text", ["", "sales", ".sales", "shop.", "`shop.sales", "`shop`sales", "``.sales", "shop.`a`b", "shop.`"]
)
def test_what_is_no_table_of_a_database_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        read_name(text)


@click.command()
@click.argument("url", type=UrlType())
def show(url: str) -> None:
    click.echo(url)


def test_a_url_may_come_from_the_environment() -> None:
    found = CliRunner().invoke(show, ["env:SHOP"], env={"SHOP": "mysql://u:secret@h/shop"})
    assert found.output == "mysql://u:secret@h/shop\n"
    missing = CliRunner().invoke(show, ["env:SHOP"], env={"SHOP": ""})
    assert missing.exit_code == 2
    assert "the environment variable SHOP is not set" in missing.output


def test_a_url_that_is_refused_is_not_shown() -> None:
    found = CliRunner().invoke(show, ["oracle://u:secret@h/shop"])
    assert found.exit_code == 2
    assert "mysql://" in found.output
    assert "secret" not in found.output
