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
from types import FrameType

import psutil

from stack.cluster import Cluster
from stack.home import CLONE, StackError
from stack.ports import is_free
from stack.server import Say

PR_SET_PDEATHSIG = 1
GRACE_SECONDS = 20
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
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    if "MAKELEVEL" in os.environ:
        _end_with_parent()
    say(f"Dagster's UI is at http://127.0.0.1:{port} in a moment; Ctrl-C ends it, the servers stay up")
    process = _start(port)
    try:
        while (code := _watched(process)) is None:
            say(
                "the process with the definitions has ended, which Dagster waits for in vain: all starts anew"
            )
            process.send_signal(signal.SIGINT)
            _end(process)
            process = _start(port)
        return code
    except KeyboardInterrupt:
        process.send_signal(signal.SIGINT)
        return 0
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        _end(process)


def _start(port: int) -> subprocess.Popen[bytes]:
    quiet = ["-W", "ignore:Function `dev_command` is superseded"]
    listen = ["-h", "127.0.0.1", "-p", str(port)]
    return subprocess.Popen(
        [sys.executable, *quiet, "-m", "dagster", "dev", *listen, "-w", "workspace.yaml"],
        cwd=CLONE,
        start_new_session=True,
        preexec_fn=_prepare_child,
    )


def _watched(leader: subprocess.Popen[bytes]) -> int | None:
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


def _loads_definitions(leader: subprocess.Popen[bytes]) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        for process in psutil.Process(leader.pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                if process.cmdline()[3:5] == ["api", "grpc"]:
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
