"""`python -m benchmarks.warehouses postgresql`: rows from staging into PostgreSQL, or into a stand-in.

A first load, a delta and a verification by the platform, each a process of its own, beside the way in which
the vendor's documents load a table: `pg_dump | psql`, `load_table_from_file`, or COPY of a file, and in
PostgreSQL beside the bare merge of the delta's rows. Snowflake's helper `write_pandas` does not run: fakesnow
answers its PUT otherwise than it wants. How fast a stand-in is says nothing of the warehouse; our own are the
processor's time and the memory of our process.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import resource
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from importlib import import_module
from multiprocessing import get_context
from typing import Any

import click
import psutil

from stack.home import Home
from stack.ports import Ports
from stack.postgres import PostgreSQL
from stack.production import STAND_INS
from sync import state
from sync.connections.postgresql import connect_postgresql
from sync.object_store import Place
from sync.systems import open_warehouse
from sync.warehouses.bigquery.warehouse import open_bigquery
from sync.warehouses.mirror import mirror
from sync.warehouses.postgresql.staging import PostgreSQLStaging
from sync.warehouses.redshift.dialect import RedshiftDialect
from sync.warehouses.schema import TableName
from sync.warehouses.verify import verify

TABLE = TableName("star", "bench_sales")
COLUMNS = ("sale_key", "country_key", "customer", "amount", "sold_at")
DDL = """
CREATE TABLE star.bench_sales (
    sale_key varchar(40) PRIMARY KEY, country_key bigint, customer varchar(60), amount numeric(14,2),
    sold_at timestamp(6), _batch bigint, _deleted boolean DEFAULT false
)"""
ROWS = """
INSERT INTO star.bench_sales SELECT md5(i::text), i % 32, 'Customer é ' || i % 2500, i % 9000 / 100.0,
    timestamp '2024-01-01' + i * interval '1 second', {batch} FROM generate_series(1, {rows}) i"""
CHANGE = """
UPDATE star.bench_sales SET amount = amount + 1, _batch = {batch}
    WHERE sale_key IN (SELECT md5((i * {step})::text) FROM generate_series(1, {rows}) i)"""
MIB = 1 << 20
PORTION = 50_000

Work = Callable[[str, str], object]


def our_pass(staging_url: str, url: str) -> None:
    with closing(connect_postgresql(staging_url)) as staging, closing(open_warehouse(url)) as warehouse:
        mirror(PostgreSQLStaging(staging), warehouse, [TABLE], "benchmark")


def our_verification(staging_url: str, url: str) -> None:
    with closing(connect_postgresql(staging_url)) as staging, closing(open_warehouse(url)) as warehouse:
        (comparison,) = verify(PostgreSQLStaging(staging), warehouse, [TABLE])
        assert comparison.equal, comparison


def portions(staging_url: str) -> Iterator[Sequence[Sequence[Any]]]:
    """Staging's rows as psycopg2 has them, by a cursor on the server."""
    with closing(connect_postgresql(staging_url)) as staging:
        staging.autocommit = False
        cursor = staging.cursor("rows")
        cursor.execute(f"SELECT {', '.join(COLUMNS)} FROM star.bench_sales")
        while rows := cursor.fetchmany(PORTION):
            yield rows


def dump_and_restore(staging_url: str, url: str) -> None:
    """As PostgreSQL's documents have it, `pg_dump | psql`; the key is made when the rows are there."""
    with closing(connect_postgresql(url)) as production, production.cursor() as cursor:
        cursor.execute(f"CREATE SCHEMA IF NOT EXISTS star; DROP TABLE IF EXISTS {TABLE}")
    dumping, restoring = (str(PostgreSQL.binaries() / name) for name in ("pg_dump", "psql"))
    with subprocess.Popen(
        [dumping, f"--table={TABLE}", "--no-owner", staging_url], stdout=subprocess.PIPE
    ) as dump:
        restore = [restoring, "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", url]
        subprocess.run(restore, stdin=dump.stdout, stdout=subprocess.DEVNULL, check=True)
    assert dump.returncode == 0


def make_ready_to_merge(staging_url: str, url: str, changed: int) -> None:
    """Let production have what was dumped under another name, and the rows of the delta beside it."""
    with closing(connect_postgresql(url)) as production, production.cursor() as cursor:
        cursor.execute(
            f"DROP SCHEMA IF EXISTS peer CASCADE; CREATE SCHEMA peer; ALTER TABLE {TABLE} SET SCHEMA peer;"
            " CREATE TABLE peer.staged AS SELECT sale_key, country_key, customer, amount + 1 AS amount,"
            f" sold_at, 2 AS _batch, _deleted FROM peer.bench_sales ORDER BY md5(sale_key) LIMIT {changed};"
            " ALTER TABLE peer.staged ADD PRIMARY KEY (sale_key); ANALYZE peer.staged, peer.bench_sales"
        )


def bare_merge(staging_url: str, url: str) -> None:
    """The statement alone, of rows that lie in production already."""
    values = ", ".join(f"{name} = excluded.{name}" for name in (*COLUMNS[1:], "_batch"))
    with closing(connect_postgresql(url)) as production, production.cursor() as cursor:
        cursor.execute(
            "INSERT INTO peer.bench_sales SELECT * FROM peer.staged"
            f" ON CONFLICT (sale_key) DO UPDATE SET {values}"
        )


def load_table_from_file(staging_url: str, url: str) -> None:
    """As BigQuery's documents have it. The driver makes such a file of a data frame too, but sends it in a
    way to which the emulator answers without the job's state."""
    import pyarrow as pa  # noqa: PLC0415  (needed by this peer alone)
    import pyarrow.parquet as pq  # noqa: PLC0415

    kinds = (pa.string(), pa.int64(), pa.string(), pa.decimal128(14, 2), pa.timestamp("us"))
    with closing(open_bigquery(url)._dialect.connect()) as connection:
        connection.execute("CREATE SCHEMA IF NOT EXISTS `softcart_peer`")
        types = ("STRING", "INTEGER", "STRING", "NUMERIC", "DATETIME")
        fields = [connection.bigquery.SchemaField(*pair) for pair in zip(COLUMNS, types, strict=True)]
        config = connection.bigquery.LoadJobConfig(
            schema=fields, source_format="PARQUET", write_disposition="WRITE_APPEND"
        )
        table = connection.path("`softcart_peer`.`sales`")
        sent = 0
        for rows in portions(staging_url):
            sent += len(rows)
            columns = [
                pa.array(values, kind) for values, kind in zip(zip(*rows, strict=True), kinds, strict=True)
            ]
            file = io.BytesIO()
            pq.write_table(pa.table(columns, names=COLUMNS), file)
            connection.client.load_table_from_file(file, table, rewind=True, job_config=config).result()
        assert connection.found("`softcart_peer`.`sales`").num_rows == sent


def copy_of_a_file(staging_url: str, url: str) -> None:
    """As Redshift's documents have it: a file in the bucket, and COPY."""

    place = Place.parse(f"{os.environ['SOFTCART_STAGE']}/peer", "SOFTCART_STAGE")
    files, rows, manifest = place.filesystem(), f"{place.path}/sales.csv.gz", f"{place.path}/manifest"
    with (
        closing(connect_postgresql(staging_url)) as staging,
        staging.cursor() as cursor,
        files.open_output_stream(rows, compression=None) as stream,
        gzip.open(stream, "wb", compresslevel=3) as packed,
    ):
        listed = ", ".join(COLUMNS)
        cursor.copy_expert(
            f"COPY (SELECT {listed} FROM star.bench_sales) TO STDOUT (FORMAT csv, NULL 'null')", packed
        )
    with files.open_output_stream(manifest, compression=None) as stream:
        stream.write(json.dumps({"entries": [{"url": place.url(rows), "mandatory": True}]}).encode())
    with closing(RedshiftDialect(url).connect()) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE SCHEMA IF NOT EXISTS peer; DROP TABLE IF EXISTS peer.sales")
        cursor.execute(
            "CREATE TABLE peer.sales (sale_key VARCHAR(160), country_key BIGINT, customer VARCHAR(240),"
            " amount DECIMAL(14, 2), sold_at TIMESTAMP)"
        )
        cursor.execute(
            f"COPY peer.sales ({listed}) FROM '{place.url(manifest)}' IAM_ROLE default"
            f" FORMAT AS CSV GZIP MANIFEST NULL AS 'null'"
        )
        connection.commit()


PEERS: dict[str, Work] = {
    "bigquery": load_table_from_file,
    "postgresql": dump_and_restore,
    "redshift": copy_of_a_file,
}


def measured(work: Work, staging_url: str, url: str) -> tuple[float, float, float, float]:
    """Seconds, processor seconds of the process, its peak memory and by how much that is above its start, in
    MiB. The process is one that has loaded what it needs."""
    with get_context("spawn").Pool(1) as pool:
        return pool.apply(_measured, (work, staging_url, url))


def _measured(work: Work, staging_url: str, url: str) -> tuple[float, float, float, float]:
    import_module("pyarrow.parquet")

    with closing(open_warehouse(url)) as warehouse:
        warehouse.inspect({}, None)
    start, began, cpu = psutil.Process().memory_info().rss / MIB, time.monotonic(), time.process_time()
    work(staging_url, url)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return time.monotonic() - began, time.process_time() - cpu, peak, peak - start


@contextmanager
def running(name: str) -> Iterator[tuple[str, str]]:
    """PostgreSQL and the servers of a stand-in in a home of their own, stopped in the end; the URLs of
    staging and of the warehouse."""
    home, stand_in = Home.from_environment().inner("bench-warehouses"), STAND_INS[name]
    home.prepare()
    ports, servers = Ports(home), [PostgreSQL(home), *(server(home) for server in stand_in.servers)]
    try:
        with home.locked():
            for server in servers:
                server.start(ports, lambda line: click.echo(line, err=True))
        known = ports.known()
        os.environ.update(stand_in.variables(home, known))
        login = f"softcart:{home.passwords['postgres.softcart']}"
        yield f"postgresql://{login}@127.0.0.1:{known['postgres']}/staging", stand_in.url(home, known)
    finally:
        for server in reversed(servers):
            server.stop()


@contextmanager
def prepared(staging_url: str, rows: int) -> Iterator[Callable[[str, int], None]]:
    """The table in staging; yields what changes rows of it as one batch."""
    with closing(connect_postgresql(staging_url)) as connection, connection.cursor() as cursor:
        state.prepare(connection, schemas=("star",))

        def change(statement: str, count: int) -> None:
            batch = state.next_batch(cursor)
            cursor.execute(statement.format(batch=batch, rows=count))
            cursor.execute(f"SELECT sync.store_batch('{TABLE}', {batch})")

        cursor.execute(f"DROP TABLE IF EXISTS {TABLE}")
        cursor.execute(f"{DDL}; SELECT sync.index_batches('{TABLE}')")
        change(ROWS, rows)
        cursor.execute("ANALYZE star.bench_sales")
        yield change


@click.command()
@click.argument("name", type=click.Choice(["bigquery", "postgresql", "redshift", "snowflake"]))
@click.option("--rows", default=1_000_000, show_default=True, help="Rows of the first load.")
@click.option("--changed", default=10_000, show_default=True, help="Rows of the delta.")
def main(name: str, rows: int, changed: int) -> None:
    """Measure a first load, a delta and a verification, and print a table as Markdown has it."""
    load = os.getloadavg()[0]
    with running(name) as (staging_url, url), prepared(staging_url, rows) as change:
        click.echo(f"{name}, load average before: {load:.1f}\n")
        click.echo("| | rows | seconds | rows/s | CPU s of ours | peak MiB | above its start |")
        click.echo("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")

        def say(what: str, count: int, work: Work) -> None:
            seconds, cpu, peak, more = measured(work, staging_url, url)
            rates = f"{seconds:.1f} | {count / seconds:,.0f}"
            click.echo(f"| {what} | {count:,} | {rates} | {cpu:.1f} | {peak:.0f} | {more:.0f} |")

        if name in PEERS:
            say(PEERS[name].__name__, rows, PEERS[name])
        if name == "postgresql":
            make_ready_to_merge(staging_url, url, changed)
            say(bare_merge.__name__, changed, bare_merge)
        say("first load", rows, our_pass)
        change(CHANGE.replace("{step}", str(rows // changed)), changed)
        say("delta of updates", changed, our_pass)
        say("nothing new", rows, our_pass)
        say("verification", rows, our_verification)


if __name__ == "__main__":
    main()
