"""Dagster's UI with its daemon in the foreground, and none of their processes left behind.

``dagster dev`` starts a web server, a daemon and code servers, and they survive it when it alone is killed.
So it gets a session of its own, whose last processes are ended here; and the kernel tells it to stop when
this process is killed, and this one when ``make`` is.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import psutil

from stack.cluster import Cluster
from stack.home import CLONE, StackError
from stack.metrics import metrics
from stack.ports import is_free
from stack.server import Say
from stack.ui_output import UiOutput

PR_SET_PDEATHSIG = 1
GRACE_SECONDS, LAST_SECONDS = 6, 2  # for all to end in good order, and for what has not
LOOK_SECONDS = 2
# After a reload the new process with the definitions is there before the old one ends.
LOST_SECONDS = 10


def serve(cluster: Cluster, say: Say) -> int:
    """Serve until Ctrl-C or SIGTERM; the exit code of ``dagster dev``, 0 where the user ended it.

    DAGSTER_HOME and the URLs of all systems are taken from the environment.

    Raises:
        StackError: it is being served already; Dagster can't have two daemons.
    """
    with (cluster.home.root / "ui.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            port = cluster.ports.wanted()["ui"]
            raise StackError(f"the UI is being served already, at http://127.0.0.1:{port}") from error
        return _serve(cluster, say)


def _serve(cluster: Cluster, say: Say) -> int:
    port = cluster.ports.wanted()["ui"]
    if not is_free(port):
        port = cluster.ports.replace("ui")
    os.environ.setdefault("SOFTCART_UI_URL", f"http://127.0.0.1:{port}")  # which alerts link to
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    if "MAKELEVEL" in os.environ:
        _end_with_parent()
    say(f"Dagster's UI is at http://127.0.0.1:{port} in a moment; Ctrl-C ends it, the servers stay up")
    output = UiOutput(cluster.home.logs / "ui.log", say)
    say(f"below are the lines of runs, and what goes wrong; all that Dagster says is in {output.log}")
    _make_storage()
    with metrics(cluster, say, _prepare_child):
        return _serve_until_interrupted(port, output, say)


def _serve_until_interrupted(port: int, output: UiOutput, say: Say) -> int:
    process = _start(port, output)
    try:
        while (code := _watched(process)) is None:
            say(
                "the process with the definitions has ended, which Dagster waits for in vain: all starts anew"
            )
            process.send_signal(signal.SIGINT)
            _end(process, say)
            process = _start(port, output)
        return code
    except KeyboardInterrupt:
        say("ending Dagster's UI, its daemon and what they run; this takes some seconds")
        process.send_signal(signal.SIGINT)
        return 0
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        _end(process, say)


def _make_storage() -> None:
    """Make Dagster's own storage of files where there is none: of the processes that begin here several would
    make it at once, and leave it in a state that none of them can read."""
    home = Path(os.environ["DAGSTER_HOME"])
    if not (home / "dagster.yaml").exists() and not (home / "history").exists():
        migrate = [sys.executable, "-m", "dagster", "instance", "migrate"]
        subprocess.run(migrate, cwd=CLONE, check=False, capture_output=True)


def _start(port: int, output: UiOutput) -> subprocess.Popen[str]:
    quiet = ["-W", "ignore:Function `dev_command` is superseded"]
    listen = ["-h", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(
        [sys.executable, *quiet, "-m", "dagster", "dev", *listen, "-w", "workspace.yaml"],
        cwd=CLONE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
        preexec_fn=_prepare_child,
    )
    assert process.stdout
    output.follow(process.stdout)
    return process


def _watched(leader: subprocess.Popen[str]) -> int | None:
    """The exit code of ``dagster dev``, once it has ended; None once the process has that loads definitions,
    as when the kernel killed it for its memory: no sensor is evaluated from then on."""
    seen_at = math.inf
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return leader.wait(LOOK_SECONDS)
        if _loads_definitions(leader):
            seen_at = time.monotonic()
        elif time.monotonic() - seen_at > LOST_SECONDS:
            return None


def _loads_definitions(leader: subprocess.Popen[str]) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        for process in psutil.Process(leader.pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                if _does(process, "grpc"):
                    return True
    return False


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _prepare_child() -> None:
    """Dagster treats SIGTERM like SIGINT, and a shell starts its background jobs with SIGINT ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    _end_with_parent()


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _does(process: psutil.Process, command: str) -> bool:
    """Whether it is one of Dagster's own: `grpc` loads definitions, `execute_run` executes a run."""
    return process.cmdline()[3:5] == ["api", command]


def _end(leader: subprocess.Popen[str], say: Say) -> None:
    """Let ``dagster dev`` end its services in good order, then end what is left of its session.

    A run is told first, and gets time to write down how it ended; one that does not is marked as failed when
    this begins again. What serves definitions has nothing to write, and would wait for clients that are gone.
    """
    everything = _session(leader.pid)
    runs = [process for process in everything if _is_run(process)]
    if runs:
        say(f"runs that are stopped in flight: {len(runs)}; the next ones do what is left undone")
    _signal(runs, psutil.Process.terminate)
    began = time.monotonic()
    with contextlib.suppress(subprocess.TimeoutExpired):
        leader.wait(GRACE_SECONDS)
    psutil.wait_procs(runs, timeout=max(0.0, began + GRACE_SECONDS - time.monotonic()))
    left = _session(leader.pid)
    _signal(left, psutil.Process.terminate)
    _, left = psutil.wait_procs(left, timeout=LAST_SECONDS)
    _signal(left, psutil.Process.kill)
    leader.wait()
    psutil.wait_procs(left, timeout=GRACE_SECONDS)


def _session(number: int) -> list[psutil.Process]:
    return [process for process in psutil.process_iter() if _session_of(process) == number]


def _is_run(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):
        return _does(process, "execute_run")
    return False


def _signal(processes: list[psutil.Process], send: Callable[[psutil.Process], None]) -> None:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            send(process)


def _session_of(process: psutil.Process) -> int | None:
    try:
        return os.getsid(process.pid)
    except (ProcessLookupError, PermissionError):
        return None
