"""A large first load that is killed, at any statement and again and again, is not begun again."""

from __future__ import annotations

import signal
from contextlib import closing
from dataclasses import replace
from itertools import count
from urllib.parse import urlsplit

import pymysql

from sync.sources.mysql.source import MySQLSource
from sync.spec import Column, Strategy
from tests.integration.killing import Victim, through
from tests.integration.numbers import IN_MYSQL, MySQLNumbers
from tests.integration.sync_support import Pipeline
from tests.integration.wire import Wire

ROWS = 170_000  # more than three portions
TABLE = replace(
    IN_MYSQL, strategy=Strategy.LOG,
    columns=(
        Column("id", "integer"), Column("n", "integer"), Column("note", "character varying(12)"),
        Column("updated_at", "timestamptz"),
    ),
)  # fmt: skip
TOO_LONG = "far too long for it"


def assert_equal(pipeline: Pipeline, numbers: MySQLNumbers) -> None:
    live = pipeline.query("SELECT id::text, n, note FROM raw.numbers WHERE NOT _deleted")
    assert sorted(live) == [row for row in numbers.rows() if row[2] != TOO_LONG]
    rejected = sorted(key for _, key, _ in pipeline.rejected())
    assert rejected == [key for key, _, note in numbers.rows() if note == TOO_LONG]


def test_the_passes_after_it_read_only_the_rest(
    shop: pymysql.Connection, urls: dict[str, str], staging: str
) -> None:
    numbers = MySQLNumbers(shop, TABLE)
    numbers.fill(ROWS)
    source_url = urls["SOFTCART_MYSQL_URL"]
    with (
        shop.cursor() as cursor,
        closing(MySQLSource(source_url)) as source,
        Wire(urlsplit(staging).port or 0) as wire,
    ):
        pipeline = Pipeline(source, staging)
        victim, reached = Victim(TABLE, source_url, through(staging, wire)), [0]
        for change in count(1):
            cursor.execute(f"UPDATE numbers SET note = '{TOO_LONG}' WHERE id % 20011 = {change}")
            numbers.change(change)
            cursor.execute(f"INSERT INTO numbers (id, n) VALUES ({-change}, 0), ({2_000_000 + change}, 0)")
            process = victim.signalled(signal.SIGKILL, wire, 50 + 9 * change, goes_on=change % 2 == 0)
            process.join()
            if pipeline.query("SELECT to_regclass('raw.numbers')") != [(None,)]:
                break  # also where the kill came behind the commit: a later pass is no first load any more
            reached += [rows for (rows,) in pipeline.query("SELECT rows FROM sync.checkpoints")]
        assert process.exitcode in (0, -signal.SIGKILL)
        assert len(set(reached)) > 2 and max(reached) > ROWS / 2
        ((read,),) = pipeline.query("SELECT read FROM sync.tables")
        assert read < ROWS / 2
        assert_equal(pipeline, numbers)
        numbers.change(1000)
        pipeline.run(TABLE)
        assert_equal(pipeline, numbers)
        assert pipeline.run(TABLE, reload=True).changed == 0
