"""Sets a clone up: the Python environment, and the server binaries that this machine lacks.

``python3 -m stack.bootstrap`` (``make setup``) runs on the system's Python with its standard library only;
neither ``venv`` nor pip nor root is needed. Everything goes below SOFTCART_HOME. Done again it costs a glance
at a stamp.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

from stack.home import CLONE, Home, StackError
from stack.machine import which
from stack.packages import Toolbox

LOCK = CLONE / "requirements.lock"
SETUP_LOCK = CLONE / "stack" / "setup.lock"  # uv, and what builds a source archive
OLDEST, TOO_NEW = (3, 11), (3, 14)
OLDEST_UV = (0, 13)
GOES_ON_SECONDS = 15


def main() -> int:
    home = Home.from_environment()
    try:
        with home.locked("setup.lock"):
            resolve(home.root) if sys.argv[1:] == ["lock"] else set_up(home.root)
    except StackError as error:
        sys.stderr.write(f"Error: {error}\n")
        return 1
    except subprocess.CalledProcessError as error:
        sys.stderr.write(f"Error: {Path(error.cmd[0]).name} failed; what it said is above\n")
        return 1
    return 0


def set_up(home: Path) -> None:
    """Bring the environment and the binaries to what the lock and this machine ask for."""
    venv, toolbox = home / "venv", Toolbox(home)
    groups = [group for group in wanted_groups() if not toolbox.has(group)]
    with ThreadPoolExecutor(1) as pool:
        fetched = pool.submit(fetch, toolbox, groups)
        if stamp(venv) != read_stamp(venv):
            say(f"Setting up {home}; the first time downloads about 1.1 GB")
            install(home, venv)
        if groups and not fetched.done():
            say("… waiting for these packages")
        fetched.result()


def fetch(toolbox: Toolbox, groups: list[str]) -> None:
    """Fetch the packages of these groups, while the environment is made."""
    if groups:
        with step(f"fetching Debian's or Ubuntu's packages of {', '.join(groups)}"):
            toolbox.ensure(*groups)


@contextmanager
def step(what: str) -> Iterator[None]:
    """Say that something begins, now and then that it goes on, and how long it took."""
    say(f"… {what}")
    began, ended = time.monotonic(), Event()

    def go_on() -> None:
        while not ended.wait(GOES_ON_SECONDS):
            say(f"… still {what}, for {time.monotonic() - began:.0f} s")

    goes_on = Thread(target=go_on, daemon=True)
    if not sys.stderr.isatty():  # on a terminal uv shows itself how far it is
        goes_on.start()
    try:
        yield
    finally:
        ended.set()
    say(f"… done in {time.monotonic() - began:.0f} s: {what}")


def wanted_groups() -> list[str]:
    """Packages to have: none for a server that the user replaces by one of his own."""
    replaced = {"mariadb": "SOFTCART_MYSQL_URL", "libcurl": "SOFTCART_MONGO_URL"}
    return [group for group in ("mariadb", "libcurl", "java") if not os.environ.get(replaced.get(group, ""))]


def say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def stamp(venv: Path) -> str:
    """What a finished environment was made from: the lock, and the interpreter that it still has."""
    interpreter = os.path.realpath(venv / "bin" / "python")
    return f"{hashlib.sha256(LOCK.read_bytes()).hexdigest()} {interpreter} {Path(interpreter).exists()}"


def read_stamp(venv: Path) -> str:
    path = venv / "softcart-stamp"
    return path.read_text() if path.is_file() else ""


def install(home: Path, venv: Path) -> None:
    """Make the environment, or bring a finished one to a new lock; the stamp is written last."""
    python = interpreter()
    uv, environment = find_uv(home, python), uv_environment(home, python)
    recorded, actual = read_stamp(venv).split(" ")[1:], stamp(venv).split(" ")[1:]
    if recorded != actual:  # never finished, or its interpreter is gone
        with step(f"making a Python environment with {python}"):
            subprocess.run(
                [str(uv), "venv", "--quiet", "--clear", "--no-project", "--python", python, str(venv)],
                env=environment,
                check=True,
            )
    (venv / "softcart-stamp").unlink(missing_ok=True)
    target = ["--python", str(venv / "bin" / "python")]
    pinned = ["--require-hashes", "--build-constraints", str(SETUP_LOCK), str(LOCK)]
    calm = [] if sys.stderr.isatty() else ["--quiet"]
    # Where Python may not keep what it compiled, every process would take twice as long to import Dagster.
    sync = [str(uv), "pip", "sync", "--compile-bytecode"]
    number = len(re.findall(r"^[\w.-]+==", LOCK.read_text(), re.MULTILINE))
    with step(f"installing {number} Python packages"):
        subprocess.run([*sync, *calm, *target, *pinned], env=environment, check=True)
    (venv / "softcart-stamp").write_text(stamp(venv))


def resolve(home: Path) -> None:
    """Write both locks anew from pyproject.toml, keeping the versions that still fit (``make lock``)."""
    python = interpreter()
    uv, environment = find_uv(home, python), uv_environment(home, python)
    sources = {
        LOCK: ["pyproject.toml", "--group", "stack", "--group", "test"],
        SETUP_LOCK: ["--group", "setup"],
    }
    universal = ["--universal", "--python-version", ".".join(map(str, OLDEST)), "--generate-hashes"]
    plain = ["--no-emit-index-url", "--no-annotate", "--custom-compile-command", "make lock", "--quiet"]
    for lock, source in sources.items():
        command = [str(uv), "pip", "compile", *source, *universal, *plain, "-o", str(lock)]
        subprocess.run(command, cwd=CLONE, env=environment, check=True)


def interpreter() -> str:
    """The Python that runs this where it suits, else the newest that does on PATH."""
    if OLDEST <= sys.version_info[:2] < TOO_NEW:
        return sys.executable
    for minor in range(TOO_NEW[1] - 1, OLDEST[1] - 1, -1):
        name = f"python3.{minor}"
        found = which(name)
        # A version manager's stand-in is there also for a version that it would not run.
        if found and subprocess.run([str(found), "-c", ""], capture_output=True).returncode == 0:
            return str(found)
    raise StackError(
        f"Python 3.{OLDEST[1]} to 3.{TOO_NEW[1] - 1} is needed; {sys.executable} is "
        f"{sys.version_info[0]}.{sys.version_info[1]}, and no other is on PATH"
    )


def find_uv(home: Path, python: str) -> Path:
    """uv from PATH where it is new enough, else the pinned one, fetched by pip into the home."""
    own = home / "uv"
    if (found := which("uv")) and version_of(found) >= OLDEST_UV:
        return found
    if not (own / "bin" / "uv").exists():
        beside = home / "uv.new"
        shutil.rmtree(beside, ignore_errors=True)
        calm = ["--quiet", "--disable-pip-version-check", "--root-user-action=ignore"]
        pinned = ["--require-hashes", "--no-deps", "-r", str(SETUP_LOCK)]
        with step("fetching uv, which installs the rest"):
            subprocess.run(
                [*pip(home, python), "install", *calm, "--target", str(beside), *pinned],
                env=pip_environment(),
                check=True,
            )
        shutil.rmtree(own, ignore_errors=True)
        beside.rename(own)
    return own / "bin" / "uv"


def version_of(uv: Path) -> tuple[int, ...]:
    said = subprocess.run([str(uv), "--version"], capture_output=True, text=True).stdout
    return tuple(int(number) for number in re.findall(r"\d+", said)[:3])


def has_pip(python: str) -> bool:
    return subprocess.run([python, "-m", "pip", "--version"], capture_output=True).returncode == 0


def pip(home: Path, python: str) -> list[str]:
    """The command that is pip: the interpreter's own, else the wheel in Debian's package, run as it is."""
    if has_pip(python):
        return [python, "-m", "pip"]
    toolbox = Toolbox(home)
    toolbox.ensure("pip")
    root = toolbox.unpacked("pip") or Path()
    wheel = next(root.glob("usr/share/python-wheels/pip-*.whl"))
    return [python, str(wheel / "pip")]


def pip_environment() -> dict[str, str]:
    """The caller's, without what would change which files pip takes or where it may put them."""
    left_out = {"PIP_FIND_LINKS", "PIP_REQUIRE_VIRTUALENV", "PIP_TARGET", "PIP_PREFIX", "PIP_USER"}
    return {name: value for name, value in os.environ.items() if name not in left_out}


def uv_environment(home: Path, python: str) -> dict[str, str]:
    """The caller's, with the system's certificates, and the package index that pip is configured with."""
    environment = {**os.environ, "UV_SYSTEM_CERTS": "1", "UV_PYTHON_DOWNLOADS": "never"}
    cache = Path(environment.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    writable = next((folder for folder in (cache, *cache.parents) if folder.exists()), None)
    if "UV_CACHE_DIR" not in environment and not (writable and os.access(writable, os.W_OK)):
        environment["UV_CACHE_DIR"] = str(home / "cache" / "uv")
    if not {"UV_DEFAULT_INDEX", "UV_INDEX_URL"} & set(environment) and (index := pip_index(python)):
        environment["UV_DEFAULT_INDEX"] = index
    return environment


def pip_index(python: str) -> str | None:
    """The index that pip is told to use by its configuration or the environment: uv reads neither."""
    listed = subprocess.run([python, "-m", "pip", "config", "list"], capture_output=True, text=True).stdout
    for section in (":env:", "install", "global"):
        if match := re.search(rf"^{section}\.index-url='(.*)'$", listed, re.MULTILINE):
            return match[1]
    return None


if __name__ == "__main__":
    sys.exit(main())
