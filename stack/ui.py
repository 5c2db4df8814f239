"""Dagster's UI with its daemon in the foreground, and none of their processes left behind.

``dagster dev`` starts a web server, a daemon and code servers, and they survive it when it alone is killed.
So it gets a session of its own, whose last processes are ended here; and the kernel tells it to stop when
this process is killed, and this one when ``make`` is.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import signal
import subprocess
import sys
from types import FrameType

import psutil

from stack.cluster import Cluster
from stack.home import CLONE, StackError
from stack.ports import is_free
from stack.server import Say

PR_SET_PDEATHSIG = 1
GRACE_SECONDS = 20


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
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    if "MAKELEVEL" in os.environ:
        _end_with_parent()
    say(f"Dagster's UI is at http://127.0.0.1:{port} in a moment; Ctrl-C ends it, the servers stay up")
    quiet = ["-W", "ignore:Function `dev_command` is superseded"]
    listen = ["-h", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(
        [sys.executable, *quiet, "-m", "dagster", "dev", *listen, "-w", "workspace.yaml"],
        cwd=CLONE,
        start_new_session=True,
        preexec_fn=_prepare_child,
    )
    try:
        return process.wait()
    except KeyboardInterrupt:
        process.send_signal(signal.SIGINT)
        return 0
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        _end(process)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _prepare_child() -> None:
    """Dagster treats SIGTERM like SIGINT, and a shell starts its background jobs with SIGINT ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    _end_with_parent()


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _end(leader: subprocess.Popen[bytes]) -> None:
    """Let ``dagster dev`` end its services in good order, then end what is left of its session."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        leader.wait(GRACE_SECONDS)
    left = [process for process in psutil.process_iter() if _session_of(process) == leader.pid]
    for end in (psutil.Process.terminate, psutil.Process.kill):
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                end(process)
        _, left = psutil.wait_procs(left, timeout=GRACE_SECONDS)


def _session_of(process: psutil.Process) -> int | None:
    try:
        return os.getsid(process.pid)
    except (ProcessLookupError, PermissionError):
        return None
