"""`make ui` as a process of its own, on a storage in files."""

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.request import urlopen

import psutil
import pytest

from stack.home import CLONE

SCRIPT = """
import sys
from pathlib import Path

from stack import ui
from stack.cluster import Cluster
from stack.home import Home

ui.LOOK_SECONDS, ui.LOST_SECONDS = 0.2, 2
home = Home(Path(sys.argv[1]), Path(sys.argv[1]))
home.prepare()
sys.exit(ui.serve(Cluster(home, {}), lambda line: print(line, flush=True)))
"""
PATIENCE = 120


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[subprocess.Popen[str]]:
    (tmp_path / "dagster").mkdir()
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(tmp_path / "home")],
        cwd=CLONE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    yield process
    process.kill()
    process.communicate()


def code_server(process: subprocess.Popen[str], other_than: int = 0) -> psutil.Process:
    """The process that loads the definitions, once there is one."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        for child in psutil.Process(process.pid).children(recursive=True):
            try:
                if child.cmdline()[3:5] == ["api", "grpc"] and child.pid != other_than:
                    return child
            except psutil.Error:
                continue
        time.sleep(0.2)
    raise AssertionError("no process has loaded the definitions")


def wait_for_page(process: subprocess.Popen[str]) -> None:
    assert process.stdout
    (address,) = re.findall(r"http://\S+", process.stdout.readline())
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        with suppress(OSError), urlopen(f"{address}/server_info") as answer:
            assert answer.status == 200
            return
        time.sleep(0.2)
    raise AssertionError("nothing is served")


def wait_for_metrics(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    (address,) = next(found for line in process.stdout if (found := re.findall(r"http://\S+/metrics", line)))
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        with suppress(OSError), urlopen(address) as answer:
            return str(answer.read().decode())
        time.sleep(0.2)
    raise AssertionError("no metrics are served")


def test_metrics_are_served_and_a_killed_code_server_is_started_again(served: subprocess.Popen[str]) -> None:
    wait_for_page(served)
    assert 'softcart_runs{status="started"} 0.0' in wait_for_metrics(served)
    killed = code_server(served)
    killed.kill()
    began_anew = code_server(served, other_than=killed.pid)
    served.send_signal(signal.SIGTERM)
    said, _ = served.communicate(timeout=PATIENCE)
    assert served.returncode == 0
    assert "the process with the definitions has ended" in said
    assert "ending Dagster's UI, its daemon and what they run" in said
    assert not began_anew.is_running()
