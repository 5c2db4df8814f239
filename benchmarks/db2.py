"""The part of `make bench` that is asked for with `--only db2`: rows into Derby, which stands in for Db2.

One table of ten columns is loaded by what one would write without the platform, `executemany` of IBM's driver
and pandas' `to_sql` by way of ibm_db_sa, and by a first load of the platform with portions of several sizes.
All three send array inserts. Where their time goes is told by the CPU seconds of the client, the shim and
Derby.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import chain
from pathlib import Path
from typing import Any

import psutil
import sqlalchemy

from stack.derby import Db2StandIn, Derby, Shim
from stack.home import Home
from stack.packages import Toolbox
from stack.ports import Ports
from sync.warehouses.changes import LoadMode, TableChange
from sync.warehouses.contract import Chunks, Selection
from sync.warehouses.db2.derby import DerbyDialect
from sync.warehouses.dbapi.warehouse import DbApiWarehouse
from sync.warehouses.schema import ColumnSchema, Row, TableName, TableSchema

RESULTS = Path(__file__).with_name("db2.md")
ROWS = 20_000
PORTIONS = (100, 500, 1000, 2000, 5000, 10_000)
GOAL = 3.0
EXECUTEMANY, TO_SQL = "executemany", "pandas to_sql"
SEVERAL, SEVERAL_ROWS = "executemany, ten rows a statement", 10
TABLE = TableName("bench", "sales")
TYPES = {
    "sale_key": "character varying(40)", "sale_id": "bigint", "date_key": "integer",
    "country_key": "bigint", "product_key": "bigint", "customer": "character varying(60)",
    "quantity": "integer", "price": "numeric(12,2)", "amount": "numeric(22,2)", "sold_at": "timestamp(6)",
}  # fmt: skip
SCHEMA = TableSchema(
    TABLE, tuple(ColumnSchema(name, type_, True, False, None) for name, type_ in TYPES.items()), ()
)


REASONS = """
Why no way of ours is several times as quick: all of them are the same array insert, and IBM's driver in the
client alone takes half of the processor's time, so that none could be three times as quick with a server
and a shim of no cost. Ours adds the way from staging's texts to the driver's values, a work table and a
lease. From a thousand rows a call on, portions are alike within what a busy machine lets one tell; the
mirror sends 5,000.

What is the stand-in's: the driver chains an array's rows into one message for Db2, and sends them to Derby
one by one (`ArrayInputChain=0`), each with an answer by way of the shim. Ten rows a statement, with a tenth
of the answers, show what that costs. The mirror does not send such statements: the stand-in gets those that
a Db2 gets.
"""


@dataclass(frozen=True)
class Took:
    """One load: seconds of wall time, and the CPU seconds of client, shim and Derby."""

    seconds: float
    cpu: Sequence[float]


def rows_of(number: int) -> list[tuple[Any, ...]]:
    """Sales, the same ones each time."""
    began = datetime(2024, 1, 1)
    return [
        (f"shop:{row:012d}", row, 20240101 + row % 28, row % 32, row % 565, f"Customer É {row % 2500}",
         1 + row % 9, Decimal(100 + row % 9000) / 100, Decimal((100 + row % 9000) * (1 + row % 9)) / 100,
         began + timedelta(minutes=row))
        for row in range(number)
    ]  # fmt: skip


@dataclass
class _Rows:
    """Staging, as far as a load asks it."""

    rows: Sequence[Row]

    def chunks(self, _: Selection) -> Chunks:
        for start in range(0, len(self.rows), 2000):
            yield self.rows[start : start + 2000]


class Bench:
    """Loads into the stand-in at a URL."""

    def __init__(self, home: Home, url: str, rows: int) -> None:
        self._dialect = DerbyDialect(url)
        self._url = url
        self._rows = rows_of(rows)
        self._texts = [tuple(map(str, row)) for row in self._rows]
        servers = [server(home).process() for server in (Shim, Derby)]
        self._processes = [psutil.Process(), *(process for process in servers if process)]

    def contenders(self) -> dict[str, Callable[[], None]]:
        ours = {
            f"ours, {portion:,} rows a call": lambda portion=portion: self.ours(portion)
            for portion in PORTIONS
        }
        several = {SEVERAL: lambda: self.executemany(SEVERAL_ROWS)}
        return {EXECUTEMANY: self.executemany, TO_SQL: self.to_sql, **ours, **several}

    def measure(self, load: Callable[[], None]) -> Took:
        self._clear()
        before, began = self._cpu(), time.monotonic()
        load()
        seconds = time.monotonic() - began
        cpu = [now - then for now, then in zip(self._cpu(), before, strict=True)]
        self._check()
        return Took(seconds, cpu)

    def executemany(self, together: int = 1) -> None:
        """All rows in one call, as IBM's examples have it; `together` of them in one statement."""
        marks = f"({', '.join('?' * len(TYPES))})"
        statement = f"INSERT INTO {self._name} VALUES {', '.join([marks] * together)}"
        with closing(self._dialect.connect()) as connection:
            self._make(connection)
            parts = range(0, len(self._rows), together)
            values = [tuple(chain.from_iterable(self._rows[part : part + together])) for part in parts]
            connection.cursor().executemany(statement, values)
            connection.commit()

    def to_sql(self) -> None:
        """Into a table that is there: pandas would make a CLOB of each text, and look for the table in Db2's
        catalog, which Derby has not."""
        import pandas

        with closing(self._dialect.connect()) as connection:
            self._make(connection)
            engine = sqlalchemy.create_engine("ibm_db_sa://", creator=lambda: self._dialect.connect())
            engine.dialect.has_table = lambda *_, **__: True  # type: ignore[method-assign]
            engine.dialect.initialize = lambda connection: None  # type: ignore[method-assign]
            frame = pandas.DataFrame(self._rows, columns=list(TYPES))
            frame.to_sql(TABLE.table, engine, schema=TABLE.schema, if_exists="append", index=False)
            engine.dispose()

    def ours(self, portion: int) -> None:
        """A first load: from the texts that staging sends to the table in its place."""
        dialect = type("Portioned", (DerbyDialect,), {"portion": portion})(self._url)
        with closing(DbApiWarehouse(dialect)) as warehouse, warehouse.session("benchmark") as session:
            session.migrate([TableChange(SCHEMA, exists=False)])
            session.stage(_Rows(self._texts), Selection(SCHEMA), LoadMode.LOAD)  # type: ignore[arg-type]

    @property
    def _name(self) -> str:
        return self._dialect.table(TABLE)

    def _make(self, connection: Any) -> None:
        columns = [(column.name, self._dialect.types.native_type(TABLE, column)) for column in SCHEMA.columns]
        connection.cursor().execute(self._dialect.create_table(self._name, columns))
        connection.commit()

    def _clear(self) -> None:
        with closing(DbApiWarehouse(self._dialect)) as warehouse, warehouse.session("benchmark"):
            pass  # it makes the engine's own tables
        with closing(self._dialect.connect()) as connection:
            for statement in (f"CREATE SCHEMA {self._dialect.quote('bench')}", f"DROP TABLE {self._name}"):
                try:
                    connection.cursor().execute(statement)
                    connection.commit()
                except self._dialect.driver_error:
                    connection.rollback()  # the schema is there, or the table is not

    def _check(self) -> None:
        with closing(self._dialect.connect()) as connection, closing(connection.cursor()) as cursor:
            cursor.execute(f'SELECT COUNT(*), SUM("AMOUNT") FROM {self._name}')
            ((rows, amount),) = cursor.fetchall()
            connection.rollback()
        assert (rows, amount) == (len(self._rows), sum(row[8] for row in self._rows))

    def _cpu(self) -> list[float]:
        return [sum(process.cpu_times()[:2]) for process in self._processes]


@contextmanager
def running() -> Iterator[tuple[Home, str]]:
    """Derby and its shim in a home of their own, stopped in the end."""
    home = Home.from_environment().inner("bench")
    servers, ports = [server(home) for server in Db2StandIn.servers], Ports(home)
    try:
        with home.locked():
            Toolbox(home.tools).ensure(*Derby.packages)
            for server in servers:
                server.start(ports, lambda line: None)
        yield home, Db2StandIn().url(home, ports.known())
    finally:
        for server in reversed(servers):
            server.stop()


def measure(rows: int, rounds: int, say: Callable[[str], None]) -> dict[str, list[Took]]:
    """All rounds, in each of which every contender comes once, in turn."""
    with running() as (home, url):
        bench = Bench(home, url, rows)
        contenders = bench.contenders()
        taken: dict[str, list[Took]] = {name: [] for name in contenders}
        for load in contenders.values():
            bench.measure(load)  # Derby's code is compiled while it runs
        for number in range(rounds):
            names = list(contenders)
            for name in names[number % len(names) :] + names[: number % len(names)]:
                taken[name].append(bench.measure(contenders[name]))
                say(f"{name}: {rows / taken[name][-1].seconds:,.0f} rows/s")
    return taken


def document(rows: int, taken: Mapping[str, Sequence[Took]], load: float) -> str:
    """What was measured, as Markdown."""
    seconds = {name: statistics.median(took.seconds for took in runs) for name, runs in taken.items()}
    better = min((EXECUTEMANY, TO_SQL), key=seconds.__getitem__)
    best = min((name for name in taken if name.startswith("ours")), key=seconds.__getitem__)
    factor = seconds[better] / seconds[best]
    verdict = "reached" if factor >= GOAL else "missed"
    lines = [
        f"""\
# Into Db2's stand-in

Written by `make bench BENCH="--only db2"` on {datetime.now(UTC):%Y-%m-%d}: {rows:,} rows of ten columns into
Apache Derby, behind the shim through which IBM's client talks to it; {os.cpu_count()} cores, rounds:
{len(taken[best])}, load average before the first run: {load:.1f}. Rates are medians; CPU seconds are those of
the client (our process and IBM's driver in it), of the shim and of Derby.

Goal: {GOAL:g}x the better of `executemany` and pandas. Measured: {factor:.2f}x by {best}, {verdict}.

| | rows/s | ratio | CPU s, client | CPU s, shim | CPU s, Derby |
| --- | ---: | ---: | ---: | ---: | ---: |"""
    ]
    for name, runs in taken.items():
        cpu = [statistics.median(took.cpu[part] for took in runs) for part in range(3)]
        ratio = seconds[better] / seconds[name]
        shown = " | ".join(f"{value:.2f}" for value in (ratio, *cpu))
        lines.append(f"| {name} | {rows / seconds[name]:,.0f} | {shown} |")
    return "\n".join([*lines, REASONS])
