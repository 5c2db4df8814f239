"""The lake and Spark beside their peers: `python -m benchmarks.lake`, which writes `benchmarks/lake.md`.

Three figures: replacing one day of a Delta table beside writing its Parquet file; the analysis of search
terms in Spark, with the session up, beside the same questions asked in DuckDB over the same files; and what a
reader sees that polls while writers are killed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np
import psutil

from benchmarks.lake_reader import WRITERS, beside_killed_writers
from benchmarks.measure import jvms
from benchmarks.peers import install
from lake.delta import Origin, commit, open_table, snapshot_of
from lake.location import Location
from lake.search.tables import TERM_COLUMNS
from lake.spec import PERIOD
from resources.spark import SparkResource
from stack.home import Home

if TYPE_CHECKING:
    import pyarrow as pa

RESULTS = Path(__file__).with_suffix(".md")
ORIGIN = "a benchmark"
MIB = 1 << 20
PEER = Path(__file__).parent / "peers" / "duckdb_search.py"


def searches(rows: int, seed: int = 7) -> pa.Table:
    """Searches over two years, for some hundred terms of which many differ by one letter."""
    import pyarrow as pa  # noqa: PLC0415

    rng = np.random.default_rng(seed)
    kinds = np.array(["laptop", "tablet", "tent", "novel", "puzzle", "bicycle", "jacket", "camera"])
    words = [f"{kind} {a}{b}" for kind in kinds for a in "abcdefghijklmnopqrst" for b in ("lo", "ra", "mi")]
    terms = np.array(words)[np.minimum(rng.zipf(1.3, rows) - 1, len(words) - 1)]
    months = rng.integers(0, 24, rows)
    return pa.table(
        {
            "day": pa.array(rng.integers(1, 29, rows).astype("int32")),
            "month": pa.array((months % 12 + 1).astype("int32")),
            "year": pa.array((2024 + months // 12).astype("int32")),
            "searchterm": pa.array(terms),
            PERIOD: pa.array([f"{2024 + m // 12}-{m % 12 + 1:02}" for m in range(24)]).take(pa.array(months)),
        }
    )


def write(lake: Location, folder: str, rows: pa.Table, periods: list[str] | None = None) -> float:
    began = time.monotonic()
    commit(lake, folder, rows.schema, rows.to_batches(), Origin(ORIGIN, 1, ORIGIN), periods)
    return time.monotonic() - began


def replaced_day(lake: Location, rounds: int) -> tuple[float, float]:
    """Seconds to replace a day of 1,000,000 rows in a table of three, and to write its Parquet file: medians
    of interleaved rounds."""
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    def day(number: int) -> pa.Table:
        texts = pa.array([f"row {n % 1000}" for n in range(1_000_000)])
        values = {"n": pa.array(range(1_000_000)), "text": texts}
        return pa.table({**values, PERIOD: pa.array([f"2026-01-0{number}"] * 1_000_000)})

    write(lake, "raw/days", pa.concat_tables([day(number) for number in (1, 2, 3)]))
    second, replaced, plain = day(2), [], []
    for _ in range(rounds):
        began = time.monotonic()
        pq.write_table(second, Path(lake.root) / "plain.parquet", compression="zstd")
        plain.append(time.monotonic() - began)
        replaced.append(write(lake, "raw/days", second, ["2026-01-02"]))
    return float(np.median(replaced)), float(np.median(plain))


def analysis(
    lake: Location, rows: int, rounds: int, home: Path
) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Seconds, CPU seconds and MiB of the analysis in Spark and in DuckDB, interleaved, and the seconds of
    its steps in Spark, whose first round is for its compiler."""
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    from lake.search.analysis import analyse  # noqa: PLC0415
    from lake.spark import read  # noqa: PLC0415

    write(lake, "raw/search_terms", searches(rows))
    products = Path(lake.root) / "products.parquet"
    pq.write_table(
        pa.table({"document": ['{"type": "laptop", "model": "alo"}', '{"type": "tent"}']}), products
    )
    table = open_table(lake, "raw/search_terms")
    assert table is not None
    files = json.dumps(list(snapshot_of(table).files))
    install("duckdb", home)
    found: dict[str, list[float]] = {
        f"{who}{what}": [] for who in ("spark", "duckdb") for what in ("", "_cpu", "_mib")
    }
    steps: dict[str, list[float]] = {}
    spark = SparkResource(master="local[2]")
    session = spark.session
    java = jvms()
    try:
        for number in range(rounds + 1):
            before, marks = _cpu(java), [("reading the list of files", time.monotonic())]
            terms = read(session, lake, "raw/search_terms").select(*TERM_COLUMNS)
            analyse(terms, session.read.parquet(str(products)), _marking(marks))
            marks.append(("", time.monotonic()))
            if number:
                found["spark"].append(marks[-1][1] - marks[0][1])
                found["spark_cpu"].append(_cpu(java) - before)
                for (step, at), (_, until) in pairwise(marks):
                    steps.setdefault(step, []).append(until - at)
            peer = home / "peers" / "duckdb" / "bin" / "python"
            said = subprocess.run([peer, PEER, files, str(products)], capture_output=True, text=True)
            if said.returncode:
                raise click.ClickException(said.stderr)
            figures = json.loads(said.stdout)
            found["duckdb"].append(figures["seconds"])
            found["duckdb_cpu"].append(figures["cpu"])
            found["duckdb_mib"].append(figures["mib"])
        found["spark_mib"].append(sum(child.memory_info().rss for child in java) / MIB)
    finally:
        spark.stop()
    return found, steps


def _marking(marks: list[tuple[str, float]]) -> Callable[[str], None]:
    return lambda line: marks.append((line, time.monotonic()))


def _cpu(processes: list[psutil.Process]) -> float:
    return sum(sum(each.cpu_times()[:2]) for each in processes)


@click.command()
@click.option("--rows", default=10_000_000, show_default=True, help="Searches to analyse.")
@click.option("--rounds", default=3, show_default=True)
@click.option("--write", "is_written", is_flag=True, help="Write benchmarks/lake.md.")
def main(rows: int, rounds: int, is_written: bool) -> None:
    """Measure the lake and Spark."""
    home = Home.from_environment().root
    with tempfile.TemporaryDirectory(dir=home) as folder:
        lake = Location(folder)
        replaced, plain = replaced_day(lake, rounds)
        found, steps = analysis(lake, rows, rounds, home)
        seen = beside_killed_writers(lake)
    spark, duckdb, spark_cpu, duckdb_cpu = (
        float(np.median(found[what])) for what in ("spark", "duckdb", "spark_cpu", "duckdb_cpu")
    )
    lines = [
        "# The lake and Spark, measured",
        "",
        f"Medians of {rounds} interleaved rounds, {os.cpu_count()} cores, on which {os.getloadavg()[2]:.1f}"
        " processes ran or waited on average (`python -m benchmarks.lake --write`).",
        "",
        "| | ours | peer | ours beside the peer |",
        "| --- | ---: | ---: | ---: |",
        "| a day of 1,000,000 rows replaced; its Parquet file written: seconds"
        f" | {replaced:.2f} | {plain:.2f} | {replaced - plain:+.2f} |",
        f"| analysis of {rows:,} search terms, session up; DuckDB: seconds"
        f" | {spark:.1f} | {duckdb:.1f} | {spark / duckdb:.1f}x |",
        f"| … CPU seconds | {spark_cpu:.1f} | {duckdb_cpu:.1f} | {spark_cpu / duckdb_cpu:.1f}x |",
        f"| … memory of the JVM; of DuckDB: MiB | {found['spark_mib'][0]:.0f}"
        f" | {max(found['duckdb_mib']):.0f} | |",
        "",
        "Where Spark's time goes:",
        "",
        "| step | seconds |",
        "| --- | ---: |",
        *(f"| {step} | {np.median(seconds):.1f} |" for step, seconds in steps.items()),
        "",
        f"A reader polled while {WRITERS} writers replaced {seen.replaced} partitions one by one and each was"
        f" killed on its way: {seen.reads:,} reads of {len(seen.versions)} versions, {seen.wrong} with a"
        " number of rows that the version does not have.",
        "",
    ]
    text = "\n".join(lines)
    click.echo(text)
    if is_written:
        RESULTS.write_text(text)


if __name__ == "__main__":
    sys.exit(main())
