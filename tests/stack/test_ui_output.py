"""What of Dagster's output a person sees: lines of runs, and causes, each once."""

from __future__ import annotations

from pathlib import Path

import pytest

from stack import ui_output
from stack.ui_output import UiOutput

REFUSED = 'connection to server at "127.0.0.1", port 5432 failed: Connection refused'
LOST = f"""\
\x1b[32m2026-11-29 00:18:16 +0000\x1b[0m - dagster.daemon - \x1b[31mERROR\x1b[0m - caught an error
Traceback (most recent call last):
  File "/x/sqlalchemy/engine/base.py", line 143, in __init__
    self._dbapi_connection = engine.raw_connection()
                             ^^^^^^^^^^^^^^^^^^^^^^^
psycopg2.OperationalError: {REFUSED}
\tIs the server running on that host and accepting TCP/IP connections?

The above exception was the direct cause of the following exception:

sqlalchemy.exc.OperationalError: (psycopg2.OperationalError) {REFUSED}
(Background on this error at: https://sqlalche.me/e/20/e3q8)
"""
QUIET = """\
2026-11-29 00:18:16 +0000 - dagster.daemon.SensorDaemon - INFO - Sensor mysql_changes skipped: nothing new
2026-11-29 00:18:17 +0000 - dagster - DEBUG - sync - 34a09c03-5aad-4225-a449-7be09f89e9e4 - 7 - RUN_START
"""
RUN = """\
  raw/orders                                       3 rows     0.1 s  +3
  FAILED: dbt: fact_sales: no such column
"""
FAILED_RUN = """\
2026-11-29 00:18:17 +0000 - dagster - ERROR - sync - 34a09c03-5aad-4225-a449-7be09f89e9e4 - 7 - dbt - STEP_FAILURE - Execution of step "dbt" failed.

dagster._core.definitions.events.Failure: raw.orders: no such table

Stack Trace:
  File "/x/execute_plan.py", line 243, in dagster_event_sequence_for_step
    yield from check.generator(step_events)

The above exception was caused by the following exception:
sync.errors.UnknownTableError: raw.orders: no such table
"""  # noqa: E501


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def output(said: list[str], tmp_path: Path) -> UiOutput:
    return UiOutput(tmp_path / "ui.log", said.append)


def take(output: UiOutput, text: str) -> None:
    for line in text.splitlines(keepends=True):
        output.take(line)
    output.flush()


def test_runs_are_seen_line_by_line_and_what_goes_as_it_should_is_not(
    output: UiOutput, said: list[str]
) -> None:
    take(output, QUIET + RUN + QUIET)
    assert said == RUN.splitlines()


def test_an_error_is_its_cause_in_one_line_once_a_minute(
    output: UiOutput, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(5):
        take(output, LOST + QUIET)
    way_out = "; make status tells which server is down, make up starts it"
    assert said == [REFUSED + way_out]
    monkeypatch.setattr(ui_output, "REPEAT_SECONDS", 0.0)
    take(output, LOST)
    assert said[1:] == [f"{REFUSED}{way_out} (4 times more since it was shown)"]


def test_a_failed_run_is_what_its_step_said(output: UiOutput, said: list[str]) -> None:
    take(output, FAILED_RUN)
    assert said == ["raw.orders: no such table"]


def test_a_warning_without_a_traceback_is_shown_without_what_stands_before_it(
    output: UiOutput, said: list[str]
) -> None:
    logged = "2026-11-29 00:18:16 +0000 - dagster - WARNING - __repository__ - mysql_changes"
    take(output, f"{logged} - mysql://127.0.0.1:1/shop: refused\n")
    assert said == ["mysql://127.0.0.1:1/shop: refused"]
