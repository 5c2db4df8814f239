"""The web log beside the raw pipe: `python -m benchmarks.weblog [--log FILE] [--megabytes 2000]`.

CPU seconds of all processes and the most memory, of `cut | grep -vxF` and of ours for the same addresses,
and of all fields to Parquet. FILE is repeated until it has so many megabytes; by default it is the demo
shop's.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import click

from demo.accesslog import BANNED, accesslog_lines
from demo.catalog import make_catalog

SIZE = 200_000
CHUNK = 64 << 20

_ADDRESSES = """
import sys
from weblog.addresses import extract, transform
from weblog.logs import Log
from weblog.reading import LogReader
from pathlib import Path
class Banned:
    def __init__(self, out): self.out = out
    def write(self, chunk): transform(iter([bytes(chunk)]), [sys.argv[2]], self.out)
with LogReader(Path(sys.argv[1]), Log(1, "log")) as reader, open(sys.argv[3], "wb") as out:
    extract(reader.chunks(), Banned(out), [])
"""
_PARQUET = """
import sys, tempfile
from pathlib import Path
from weblog.logs import Log
from weblog.parsing import parse_lines
from weblog.reading import LogReader
from weblog.requests import PART_BYTES
folder = Path(sys.argv[2])
with LogReader(Path(sys.argv[1]), Log(1, "log")) as reader:
    while True:
        before = reader.log
        chunks = reader.chunks(PART_BYTES)
        with tempfile.TemporaryDirectory(dir=folder) as work:
            with parse_lines(chunks, before.lines + 1, Path(work)) as parsed:
                if reader.log.offset == before.offset: break
                for day in parsed.days(): parsed.write_day(day, folder / f"{day}-{before.offset}.parquet")
"""


@click.command(help=__doc__)
@click.option("--log", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--megabytes", default=2000, show_default=True)
def main(log: Path | None, megabytes: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        big = folder / "accesslog.txt"
        with big.open("wb") as out:
            for content in _repeated(log, megabytes << 20):
                out.write(content)
        gigabytes = big.stat().st_size / 1e9
        pipe = f"cut -d' ' -f1 {big} | grep -vxF {BANNED} > {folder / 'peer'}"
        raw, raw_memory = _measure(["sh", "-c", pipe])
        ours, memory = _measure([sys.executable, "-c", _ADDRESSES, str(big), BANNED, str(folder / "ours")])
        if (folder / "peer").read_bytes() != (folder / "ours").read_bytes():
            raise click.ClickException("the addresses differ from those of cut and grep")
        parquet, parquet_memory = _measure([sys.executable, "-c", _PARQUET, str(big), name])
    click.echo(f"log                   {gigabytes:8.2f} GB")
    click.echo(f"cut | grep -vxF       {raw:8.2f} CPU s  {raw_memory:5.0f} MiB")
    ratio = f"{ours / raw:.2f} times the pipe (goal 1.5)"
    click.echo(f"extract and transform {ours:8.2f} CPU s  {memory:5.0f} MiB  {ratio}")
    click.echo(
        f"all fields to Parquet {parquet:8.2f} CPU s  {parquet_memory:5.0f} MiB"
        f"  {parquet / gigabytes:.1f} CPU s a GB (goal 20), {parquet / raw:.1f} times the pipe"
    )


def _repeated(log: Path | None, size: int) -> Iterator[bytes]:
    content = log.read_bytes() if log else "".join(accesslog_lines(7, SIZE, make_catalog(7, SIZE))).encode()
    several = content * max(1, CHUNK // len(content))
    for _ in range(max(1, size // len(several))):
        yield several


def _measure(command: list[str]) -> tuple[float, float]:
    """CPU seconds of a command with its children, and the most MiB that one of them held."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    process = subprocess.Popen(command)
    most = 0
    while process.poll() is None:
        most = max(most, _memory(process.pid))
        time.sleep(0.02)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if process.returncode:
        raise click.ClickException(f"{command[0]} failed")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, most / 1024


def _memory(pid: int) -> int:
    """The resident KiB of a process so far at most."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")), 0)


if __name__ == "__main__":
    main()
