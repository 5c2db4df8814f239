"""What the command prints of the passwords that it was given."""

from __future__ import annotations

import click
import pytest

from sync.cli.secrets import hide, remember


@pytest.mark.parametrize("password", ["1", "ro", "orders", "20240101", "postgres"])
def test_a_password_that_is_an_ordinary_word_is_not_told_by_what_is_blotted_out(password: str) -> None:
    said = f"raw.prods: 11 rows from postgres, orders 20240101 and {password} of shop.dropped"
    with click.Context(click.Command("copy")):
        remember(password)
        assert hide(said) == said


@pytest.mark.parametrize("password", ["1", "ro", "orders", "s3cr3t-and-long", "p.s*w(rd"])
def test_a_password_is_hidden_where_one_stands(password: str) -> None:
    with click.Context(click.Command("copy")):
        remember(password)
        for said, shown in (
            (f"mysql://me:{password}@127.0.0.1:1/shop", "mysql://me:***@127.0.0.1:1/shop"),
            (f"connect(user='me', password='{password}')", "connect(user='me', password='***')"),
            (f"dsn host=h password={password} port=1", "dsn host=h password=*** port=1"),
            (f"{{'passwd': b'{password}'}}", "{'passwd': b'***'}"),
        ):
            assert hide(said) == shown


@pytest.mark.parametrize("password", ["R1uX6-97t3g0", "correcthorsebattery"])
def test_a_password_that_can_be_nothing_else_is_hidden_everywhere(password: str) -> None:
    with click.Context(click.Command("copy")):
        remember(password)
        assert hide(f"the server said: {password}!") == "the server said: ***!"
