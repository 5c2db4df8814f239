"""A pass that is killed, at any statement, and run again ends equal."""

from __future__ import annotations

import random
import signal
from collections.abc import Iterator
from contextlib import closing
from itertools import count
from typing import Any
from urllib.parse import urlsplit

import pymysql
import pytest
from pymongo.database import Database

from sync.spec import Strategy
from sync.systems import open_source
from tests.integration.killing import Victim, through
from tests.integration.numbers import (
    MongoDBNumbers,
    MySQLNumbers,
    Numbers,
    assert_consistent,
    assert_equal_after_a_pass,
    following,
)
from tests.integration.sync_support import TABLE_STRATEGIES, Pipeline
from tests.integration.wire import Wire

ROWS = 300
SOURCES = {MySQLNumbers: "SOFTCART_MYSQL_URL", MongoDBNumbers: "SOFTCART_MONGO_URL"}


@pytest.fixture(params=[MySQLNumbers, MongoDBNumbers], ids=["MySQL", "MongoDB"])
def numbers(
    request: pytest.FixtureRequest, shop: pymysql.Connection, catalog: Database[dict[str, Any]]
) -> Numbers:
    made: Numbers = MySQLNumbers(shop) if request.param is MySQLNumbers else MongoDBNumbers(catalog)
    made.fill(ROWS)
    return made


@pytest.fixture
def source_url(numbers: Numbers, urls: dict[str, str]) -> str:
    return urls[SOURCES[type(numbers)]]


@pytest.fixture
def pipeline(source_url: str, staging: str) -> Iterator[Pipeline]:
    with closing(open_source(source_url)) as source:
        yield Pipeline(source, staging)


def killed(victim: Victim, wire: Wire, step: int, choose: random.Random) -> bool:
    """Kill a pass when it begins a step; returns False for one that was done before."""
    process = victim.signalled(signal.SIGKILL, wire, step, goes_on=choose.random() < 0.5)
    process.join()
    return process.exitcode == -signal.SIGKILL


@pytest.mark.parametrize("strategy", TABLE_STRATEGIES)
def test_a_pass_that_is_killed_between_any_two_statements_and_run_again_ends_equal(
    strategy: Strategy, numbers: Numbers, pipeline: Pipeline, source_url: str
) -> None:
    """Every sixth statement to the target in each of the six cases, which begin at different ones; every
    one to MongoDB, and every second one to MySQL, which has more."""
    table, choose, changes = following(numbers, strategy), random.Random(7), count(1)
    first = 1 + TABLE_STRATEGIES.index(strategy) + 3 * isinstance(numbers, MongoDBNumbers)
    source_stride = 1 if isinstance(numbers, MongoDBNumbers) else 2
    with (
        Wire(urlsplit(source_url).port or 0) as source_wire,
        Wire(urlsplit(pipeline.target_url).port or 0) as target_wire,
    ):
        by_wire = through(source_url, source_wire), through(pipeline.target_url, target_wire)
        victim = Victim(table, *by_wire)
        for step in range(first, 60, 10):
            assert killed(victim, target_wire, step, choose)
            assert pipeline.query("SELECT to_regclass('raw.numbers')") == [(None,)]
        assert_equal_after_a_pass(pipeline, table, numbers)
        for wire, stride in ((target_wire, 6), (source_wire, source_stride)):
            wire.disarm()
            numbers.change(next(changes))
            assert victim.run() == 0
            done_before = 0
            for step in range(min(first, stride), wire.steps, stride):
                numbers.change(next(changes))
                done_before += not killed(victim, wire, step, choose)
                assert_consistent(pipeline, table)
                assert_equal_after_a_pass(pipeline, table, numbers)
            assert done_before <= 2  # not every pass takes as many steps
