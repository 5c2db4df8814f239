"""The metrics' endpoint beside Dagster's UI, as a process of its own."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Callable, Iterator

from stack.cluster import Cluster
from stack.home import CLONE
from stack.ports import is_free
from stack.server import Say

LAST_SECONDS = 5


@contextlib.contextmanager
def metrics(cluster: Cluster, say: Say, prepare_child: Callable[[], None]) -> Iterator[None]:
    """Serve /metrics on loopback for as long as the block runs; what goes wrong there is in `metrics.log`."""
    port = cluster.ports.wanted()["metrics"]
    if not is_free(port):
        port = cluster.ports.replace("metrics")
    with (cluster.home.logs / "metrics.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "softcart_assets.monitoring.metrics", "--port", str(port)],
            cwd=CLONE,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=prepare_child,
        )
    say(f"metrics for Prometheus are at http://127.0.0.1:{port}/metrics in a moment")
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(LAST_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
