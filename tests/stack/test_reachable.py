"""What `make run` says of systems that can't be worked with, and that it leaves them alone then."""

from __future__ import annotations

import io
import socket
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest
from rich.console import Console

from softcart_assets import failures
from softcart_assets.build import build_defs
from stack import reachable
from stack.run import run_job, workable


class Door:
    """A port at which whoever comes is counted and turned away."""

    def __init__(self) -> None:
        self.visits = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        Thread(target=self._turn_away, daemon=True).start()

    def _turn_away(self) -> None:
        while True:
            try:
                visitor, _ = self._listener.accept()
            except OSError:
                return
            self.visits += 1
            visitor.close()

    def close(self) -> None:
        self._listener.close()


@pytest.fixture
def door() -> Iterator[Door]:
    door = Door()
    yield door
    door.close()


@pytest.fixture
def broken_everywhere(door: Door, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reachable, "SECONDS_TO_WAIT", 0)
    for name, value in {
        "SOFTCART_MYSQL_URL": f"mysql://softcart:secret@127.0.0.1:{door.port}/shop",
        "SOFTCART_MONGO_URL": "no URL at all",
        "SOFTCART_STAGING_URL": f"postgresql://softcart:secret@127.0.0.1:{door.port}/staging",
        "SOFTCART_PRODUCTION_URL": "postgresql://[half/an address",
        "SOFTCART_LANDING": str(tmp_path),
        "DAGSTER_HOME": str(tmp_path),
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("SOFTCART_DAGSTER_URL", raising=False)


@pytest.mark.usefixtures("broken_everywhere")
def test_each_cause_is_one_line_with_its_variable_and_nothing_connects_again(door: Door) -> None:
    printed = io.StringIO()
    assert not run_job("refresh", Console(file=printed))
    asked = 2 * (failures.MAX_RETRIES + 1)
    assert door.visits == asked
    assert "secret" not in printed.getvalue()
    _, _, failed = printed.getvalue().partition("refresh failed")
    mysql, mongodb, staging, production, left_out = failed.splitlines()[1:]
    assert mysql.startswith("  SOFTCART_MYSQL_URL: mysql://softcart:***@127.0.0.1")
    assert mysql.endswith("; start that server, or name another one in SOFTCART_MYSQL_URL")
    assert mongodb.startswith("  SOFTCART_MONGO_URL: a database URL begins with ")
    assert staging.startswith("  SOFTCART_STAGING_URL: postgresql://softcart:***@127.0.0.1")
    assert production == "  SOFTCART_PRODUCTION_URL: it is no URL: Invalid IPv6 URL"
    assert left_out.startswith("  not run because of it: ")


@pytest.mark.usefixtures("broken_everywhere")
def test_a_landing_folder_that_is_not_there_is_one_line_before_anything_is_asked(
    door: Door, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOFTCART_LANDING", str(tmp_path / "nothing"))
    printed = io.StringIO()
    assert not run_job("refresh", Console(file=printed, width=1000))
    assert door.visits == 0
    [line] = printed.getvalue().splitlines()
    assert line.startswith("refresh was not begun: ")
    assert str(tmp_path / "nothing") in line


def test_what_needs_no_broken_system_is_run_all_the_same() -> None:
    definitions = build_defs()
    job = definitions.resolve_job_def("sync")

    def left(*broken: str) -> set[str]:
        keys = workable(definitions, job, broken)
        return {key.to_user_string() for key in keys}

    mysql = {"raw/sales_data", "star/fact_sales", "production/fact_sales", "production/sales_data"}
    others = {"raw/electronics", "star/dim_date"}
    assert mysql | others <= left("landing")
    assert left("mysql").isdisjoint(mysql)
    assert "raw/electronics" in left("mysql")
    assert {"raw/sales_data", "star/fact_sales"} <= left("production")
    assert left("production").isdisjoint({"production/fact_sales", "production/sales_data"})
    assert left("staging").isdisjoint(mysql - {"production/sales_data"} | others)
    assert left("storage") == set()
