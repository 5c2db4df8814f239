"""A fault of the program itself in one table: it is named, the others are brought up to date."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pymysql
import pytest
from click.testing import CliRunner

from sync.cli.main import main
from sync.copytext import Chunk
from sync.engine import run_passes
from sync.errors import SyncError, UnexpectedError
from sync.sources.mysql.rows import RowReader
from sync.spec import Strategy, Table
from sync.targets.postgresql.target import PostgreSQLTarget
from tests.integration.sync_support import Pipeline, execute

FULL = [Table(name, "mysql", "shop", ("id",)) for name in ("first", "broken", "last")]
LOG = [replace(table, strategy=Strategy.LOG) for table in FULL]


@pytest.fixture
def tables(shop: pymysql.Connection[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Three tables, of which the rows of one cannot be read for a fault of the program."""
    for table in FULL:
        execute(shop, f"CREATE TABLE {table.name} (id INT PRIMARY KEY)")
        execute(shop, f"INSERT INTO {table.name} VALUES (1)")
    chunks = RowReader.chunks

    def failing(reader: RowReader) -> Iterator[Chunk]:
        if reader._table.name == "broken":
            raise ZeroDivisionError("a fault")
        yield from chunks(reader)

    monkeypatch.setattr(RowReader, "chunks", failing)


def outcomes(pipeline: Pipeline, tables: list[Table]) -> dict[str, Any]:
    target = PostgreSQLTarget(pipeline.target_url)
    return {table.name: outcome for table, outcome in run_passes(tables, pipeline.source, target, "test")}


def assert_named(found: dict[str, Any]) -> None:
    error = found.pop("broken")
    assert isinstance(error, UnexpectedError)
    assert str(error) == "raw.broken: ZeroDivisionError: a fault"
    assert isinstance(error.__cause__, ZeroDivisionError)
    assert not [each for each in found.values() if isinstance(each, SyncError)]


@pytest.mark.parametrize("declared", [FULL, LOG], ids=["full", "log"])
def test_an_unexpected_error_names_its_table_and_stops_no_other(
    declared: list[Table], pipeline: Pipeline, tables: None, caplog: pytest.LogCaptureFixture
) -> None:
    assert_named(outcomes(pipeline, declared))
    for name in ("first", "last"):
        assert pipeline.query(f"SELECT id FROM raw.{name}") == [(1,)]
    (record,) = (record for record in caplog.records if record.levelno == logging.ERROR)
    assert record.exc_info is not None


def test_an_unexpected_error_while_the_log_is_followed_stops_no_other_table(
    pipeline: Pipeline, shop: pymysql.Connection[Any], tables: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(RowReader, "chunks", lambda reader: iter(()))
        for table in LOG:
            execute(shop, f"DELETE FROM {table.name}")
            pipeline.run(table)
    for table in LOG:
        execute(shop, f"INSERT INTO {table.name} VALUES (2)")
    assert_named(outcomes(pipeline, LOG))
    for name in ("first", "last"):
        assert pipeline.query(f"SELECT id FROM raw.{name} WHERE id = 2") == [(2,)]


def test_the_command_line_shows_where_an_unexpected_error_came_from_when_it_is_asked(
    pipeline: Pipeline, tables: None, urls: dict[str, str]
) -> None:
    command = ["copy", urls["SOFTCART_MYSQL_URL"], "shop.broken", "shop.last", "--to", pipeline.target_url]
    short = CliRunner().invoke(main, command)
    assert short.exit_code == 1
    assert "raw.broken: ZeroDivisionError: a fault (unexpected; --debug shows where)" in short.stderr
    assert "Traceback" not in short.stderr
    assert "raw.last" in short.stdout
    long = CliRunner().invoke(main, [*command, "--debug"])
    assert 'raise ZeroDivisionError("a fault")' in long.stderr
