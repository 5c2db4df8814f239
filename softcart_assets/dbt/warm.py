"""A process that has dbt imported and the project parsed, and builds in forks of itself.

To import dbt and to read the project takes longer than all the rest of a short run. The process in which the
sensors are evaluated keeps one that has done both, and the runs that they request build there; every other
run, and one that finds none, imports dbt itself. Each build is a fork: nothing of it stays behind, neither
memory nor dbt's global state.

It listens on a socket in a folder of its own that only this user may enter, and ends when the process that
started it has ended, however that came about. Should it be killed, a build goes on in the process that asked
for it, and the next one removes the folder.
"""

from __future__ import annotations

import gc
import json
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from multiprocessing import active_children, get_context
from multiprocessing.connection import Connection
from os import _exit
from pathlib import Path

from softcart_assets.dbt import runner
from softcart_assets.dbt.project import ROOT, content_hash, replace_file, target_folder
from softcart_assets.dbt.runner import DbtError, NodeResult
from softcart_assets.seams import DBT_MODULES, WARM_DBT, compile_macros, is_on

DONE = {"success", "pass", "warn"}  # what is not built again when a build goes on
FOLDER, SOCKET = "softcart-dbt-", "socket"


@dataclass(frozen=True)
class Request:
    """The arguments of `runner.build`."""

    url: str = field(repr=False)
    names: Sequence[str]
    timezone: str
    rebuild: bool


def build(url: str, names: Sequence[str], timezone: str, rebuild: bool) -> Iterator[NodeResult]:
    """As `runner.build`; by the process that is ready for it, or in this one where there is none or it ends
    too early."""
    reported: list[NodeResult] = []
    if connection := _connect():
        with connection:
            try:
                connection.send(Request(url, names, timezone, rebuild))
                while (result := connection.recv()) is not None:
                    if isinstance(result, DbtError):
                        raise result
                    reported.append(result)
                    yield result
                return
            except (EOFError, OSError):
                pass
    # What that process left to its server is not in the way: a model's build is one transaction, which waits
    # for the end of any other one's. A failed model or test is tried again, for it holds others back.
    done = {name for result in reported if result.status in DONE for name in (result.selector, result.name)}
    if remaining := [name for name in names if name not in done]:
        told = {result.unique_id for result in reported}
        for result in runner.build(url, remaining, timezone, rebuild):
            if result.unique_id not in told:
                yield result


class Keeper:
    """Starts such a process when it is first asked to, and again when it has ended."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._known = ""  # what `warm.json` says of that process
        self._lock = threading.Lock()

    def keep(self) -> None:
        """See that one takes requests, which it answers as soon as it is ready.

        It ends with this process, since its input does. Where another one keeps one too, requests go to that
        which was asked for last.
        """
        if not is_on(WARM_DBT):
            return
        with self._lock:
            if self._process is None or self._process.poll() is not None:
                _remove_left_folders()
                self._process, self._known = _begin()
            if not _path().exists() or _path().read_text() != self._known:
                replace_file(_path(), self._known)

    def close(self) -> None:
        """Let it end, and wait until it has."""
        with self._lock:
            if self._process is not None:
                self._process.communicate()
                self._process = None


def _begin() -> tuple[subprocess.Popen[bytes], str]:
    """The process, and what those who have a request need to know of it."""
    folder = Path(tempfile.mkdtemp(prefix=FOLDER))
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(folder / "new"))
        server.listen()
        # Only now, so that what bears the name and does not answer has ended.
        address = str((folder / "new").rename(folder / SOCKET))
        number = server.fileno()
        command = [sys.executable, "-m", "softcart_assets.dbt.warm", str(number)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, cwd=ROOT.parent, pass_fds=[number])
    return process, json.dumps({"code": _code(), "address": address})


def _remove_left_folders() -> None:
    """Remove what is left of such processes that were killed: sockets on which nobody listens."""
    for path in Path(tempfile.gettempdir()).glob(f"{FOLDER}*/{SOCKET}"):
        with socket.socket(socket.AF_UNIX) as client:
            client.setblocking(False)
            try:
                client.connect(str(path))
            except ConnectionRefusedError:
                shutil.rmtree(path.parent, ignore_errors=True)
            except OSError:
                continue  # it is busy, somebody else's, or gone in this moment


def _code() -> str:
    """Changes with what both sides have to agree on, and with the project."""
    return content_hash(Path(__file__), Path(runner.__file__))


def _path() -> Path:
    return target_folder() / "warm.json"


def _connect() -> Connection | None:
    if not is_on(WARM_DBT):
        return None
    with socket.socket(socket.AF_UNIX) as client:
        try:
            known = json.loads(_path().read_text())
            if known["code"] != _code():
                return None
            client.connect(known["address"])
        except (OSError, ValueError, KeyError):
            return None
        return Connection(client.detach())


def serve(server: socket.socket) -> None:
    """Take requests until the input ends."""
    for module in DBT_MODULES:
        import_module(module)
    while True:
        ready, _, _ = select.select([server, sys.stdin], [], [])
        if sys.stdin in ready:
            return
        accepted, _ = server.accept()
        with Connection(accepted.detach()) as connection:
            _start(connection, server)
        active_children()  # collects those that have ended


def _start(connection: Connection, server: socket.socket) -> None:
    """Take a request, and build in a fork that has the project parsed."""
    try:
        request: Request = connection.recv()
        try:
            manifest = runner.parsed(request.url, request.timezone)
        except DbtError as error:
            connection.send(error)
            return
    except (EOFError, OSError):
        return  # nobody waits for it any more
    get_context("fork").Process(target=_build, args=(connection, request, server)).start()
    compile_macros(manifest)
    gc.freeze()  # what is collected in a fork is copied for it


def _build(connection: Connection, request: Request, server: socket.socket) -> None:
    server.close()  # or it would be listened on as long as this goes on, by nobody
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    finished = threading.Event()
    threading.Thread(target=_end_with, args=(connection, finished), daemon=True).start()
    try:
        for result in runner.build(request.url, request.names, request.timezone, request.rebuild):
            connection.send(result)
        last: DbtError | None = None
    except DbtError as error:
        last = error
    finished.set()
    connection.send(last)


def _end_with(connection: Connection, finished: threading.Event) -> None:
    """A run says no more than its request: what comes next is its end, and dbt goes on for nobody."""
    connection.poll(None)
    if not finished.is_set():
        _exit(1)


def main() -> None:
    """Serve on the socket whose number is the argument; the folder that it is in goes with it."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    with socket.socket(fileno=int(sys.argv[1])) as server:
        try:
            serve(server)
        finally:
            shutil.rmtree(Path(server.getsockname()).parent, ignore_errors=True)


if __name__ == "__main__":
    main()
