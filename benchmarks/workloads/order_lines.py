"""The commands that bring the table of order lines into PostgreSQL."""

from __future__ import annotations

from benchmarks.data import CURSOR, KEY, POSTGRESQL_DEFINITIONS, TABLE
from benchmarks.workloads.base import OURS, SCHEMA, Contender

RAW_PIPE = "raw pipe"
READ = (
    'LD_LIBRARY_PATH="$MARIADB_LIBRARIES" mariadb --no-defaults --host=127.0.0.1 --user=softcart'
    " --default-character-set=utf8mb4 --init-command=\"SET time_zone = '+00:00'\" --batch --quick"
    f' --skip-column-names --execute="SELECT * FROM {TABLE}{{where}}" shop'
)
COPY = 'psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 "$TARGET_URL"'
DLT_REMARK = "connectorx to Arrow, Parquet, ADBC: its fastest way for this table; makes no primary key"


def pipe(where: str = "", table: str = f"{SCHEMA}.{TABLE}") -> str:
    """The raw pipe into a new table, whose primary key is made when the rows are there, as ours is."""
    return (
        f"{READ.format(where=where)} | {COPY}"
        f' --command="CREATE TABLE {table} ({POSTGRESQL_DEFINITIONS})"'
        f" --command=\"COPY {table} FROM STDIN WITH (NULL 'NULL')\""
        f' --command="ALTER TABLE {table} ADD PRIMARY KEY ({KEY})"'
    )


def ours(strategy: str) -> Contender:
    cursor = f" --cursor {CURSOR}" if strategy == "watermark" else ""
    script = (
        f'exec "$PYTHON" -m sync copy env:SOURCE_URL shop.{TABLE} --to env:TARGET_URL --schema {SCHEMA}'
        f" --strategy {strategy}{cursor} --json"
    )
    return Contender(OURS, script, f"bench_{strategy}")


def dlt(incremental: bool) -> Contender:
    cursor = f" {CURSOR}" if incremental else ""
    return Contender(
        "dlt",
        f'exec "$PEERS/dlt/bin/python" benchmarks/peers/dlt_copy.py {TABLE} {KEY}{cursor}',
        "bench_dlt",
        peer="dlt",
        remark=DLT_REMARK,
    )


def ingestr(incremental: bool) -> Contender:
    since = f' --incremental-strategy merge --incremental-key {CURSOR} --interval-start "$SINCE"'
    script = (
        'exec "$PEERS/ingestr/bin/ingestr" ingest --yes --progress log --source-uri "$SOURCE_URL"'
        f' --source-table shop.{TABLE} --dest-uri "$TARGET_URL" --dest-table {SCHEMA}.{TABLE}'
        f" --primary-key {KEY}{since if incremental else ''}"
    )
    remark = "it keeps no position: its caller says since when" if incremental else ""
    return Contender("ingestr", script, "bench_ingestr", peer="ingestr", remark=remark)


def sling() -> Contender:
    script = (
        'exec "$PEERS/sling/bin/sling" run --src-conn "$SOURCE_URL" --src-stream shop.'
        f'{TABLE} --tgt-conn "$TARGET_URL?sslmode=disable" --tgt-object {SCHEMA}.{TABLE}'
        f" --mode full-refresh --primary-key {KEY}"
    )
    return Contender("sling", script, "bench_sling", peer="sling")
