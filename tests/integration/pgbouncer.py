"""pgbouncer in front of a PostgreSQL database, for a test."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg2

from stack.cluster import Cluster
from stack.packages import Toolbox

CONFIGURATION = """
[databases]
pooled = host=127.0.0.1 port={port} dbname={database} user={user} password={password}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {listen}
unix_socket_dir =
auth_type = any
pool_mode = {mode}
default_pool_size = {size}
server_round_robin = {round_robin}
"""


@contextmanager
def pgbouncer(
    stack: Cluster, url: str, folder: Path, mode: str, size: int = 4, round_robin: int = 0
) -> Iterator[str]:
    """The URL that leads to the database at `url` through a pool of so many connections."""
    toolbox = Toolbox(stack.home.tools)
    toolbox.ensure("pgbouncer")
    parts, listen = urlsplit(url), _free_port()
    configuration = folder / f"{mode}-{listen}.ini"
    configuration.write_text(
        CONFIGURATION.format(
            port=parts.port,
            database=parts.path.lstrip("/"),
            user=parts.username,
            password=parts.password,
            listen=listen,
            mode=mode,
            size=size,
            round_robin=round_robin,
        )
    )
    as_other = ["-u", "nobody"] if os.geteuid() == 0 else []  # it refuses to run as root
    process = subprocess.Popen(
        [*toolbox.command("pgbouncer", "pgbouncer"), "-q", *as_other, str(configuration)],
        env=toolbox.environment("pgbouncer"),
    )
    pooled = urlunsplit(parts._replace(netloc=f"{parts.username}@127.0.0.1:{listen}", path="/pooled"))
    try:
        _await(process, pooled)
        yield pooled
    finally:
        process.terminate()
        process.wait()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _await(process: subprocess.Popen[bytes], url: str) -> None:
    while True:
        try:
            with closing(psycopg2.connect(url)):
                return
        except psycopg2.OperationalError:
            assert process.poll() is None, "pgbouncer has ended"
            time.sleep(0.05)
