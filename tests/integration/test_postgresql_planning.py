"""How PostgreSQL plans what our sessions ask, beside what it does when it is left to itself."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

import pytest
from psycopg2.extensions import connection as Connection

from softcart_assets.dbt.runner import profile_environment
from sync.connections.postgresql import connect_postgresql, connect_to_write
from sync.connections.urls import parse


def of_dbt(url: str) -> Connection:
    return connect_postgresql(url, options=profile_environment(parse(url))["PGOPTIONS"])


@pytest.mark.parametrize("connect", [connect_to_write, of_dbt, connect_postgresql])
def test_a_hundredth_of_a_tables_rows_is_looked_up_by_the_index(
    staging: str, connect: Callable[[str], Connection]
) -> None:
    with closing(connect(staging)) as connection, connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE public.held AS SELECT md5(i::text) AS id, repeat('x', 200) AS note"
            " FROM generate_series(1, 100000) i; ALTER TABLE public.held ADD PRIMARY KEY (id);"
            " CREATE TEMP TABLE changed AS SELECT md5((i * 100)::text) AS id FROM generate_series(1, 1000) i;"
            " ANALYZE public.held, changed"
        )
        cursor.execute("EXPLAIN UPDATE public.held SET note = '' FROM changed WHERE held.id = changed.id")
        plan = "\n".join(line for (line,) in cursor)
    reads_all = "Seq Scan on held" in plan
    assert reads_all is (connect is connect_postgresql), plan
