"""What dbt is told, and what it is not told."""

from __future__ import annotations

import os

from softcart_assets.dbt.runner import environment, profile_environment
from sync.connections.urls import parse

URL = (
    "postgresql+psycopg2://us%40er:pass%2Fword@example.org:6543/stage?sslmode=verify-full&sslrootcert=/ca.pem"
)


def test_the_password_is_where_dbt_masks_it() -> None:
    values = profile_environment(parse(URL))
    assert [name for name, value in values.items() if "pass/word" in value] == [
        "DBT_ENV_SECRET_SOFTCART_PASSWORD"
    ]
    assert (values["SOFTCART_DBT_USER"], values["SOFTCART_DBT_HOST"], values["SOFTCART_DBT_PORT"]) == (
        "us@er",
        "example.org",
        "6543",
    )


def test_options_of_the_url_reach_libpq() -> None:
    values = profile_environment(parse(URL + "&options=-c%20work_mem%3D1MB"))
    assert (values["PGSSLMODE"], values["PGSSLROOTCERT"]) == ("verify-full", "/ca.pem")
    assert values["PGOPTIONS"].startswith("-c work_mem=1MB -c ")


def test_the_environment_is_put_back() -> None:
    before = dict(os.environ)
    with environment({"PATH": "elsewhere", "SOFTCART_NEW": "1"}):
        assert (os.environ["PATH"], os.environ["SOFTCART_NEW"]) == ("elsewhere", "1")
    assert dict(os.environ) == before
