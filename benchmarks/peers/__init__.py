"""The tools that people use for the same job, each installed into an environment of its own.

Their pins are in the text files here. The folders are `SOFTCART_HOME/peers/<name>`; the project's own
environment never sees them.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from stack.bootstrap import find_uv, interpreter, uv_environment

PINS = Path(__file__).parent
BY_DEFAULT = ("dlt", "ingestr")
ON_REQUEST = ("sling",)


class PeerMissing(RuntimeError):
    """A peer cannot be had here; the message says why."""


def pins(peer: str) -> str:
    """What is installed for a peer, on one line."""
    return ", ".join((PINS / f"{peer}.txt").read_text().split())


def install(peer: str, home: Path) -> None:
    """Make a peer's environment unless it is there, with these pins.

    Raises `PeerMissing`.
    """
    requirements = PINS / f"{peer}.txt"
    folder = home / "peers" / peer
    stamp = folder / "installed"
    if stamp.exists() and stamp.read_text() == requirements.read_text():
        return
    python = interpreter()
    uv, environment = find_uv(home, python), {**os.environ, **uv_environment(home, python)}
    for command in (
        [str(uv), "venv", "--quiet", "--clear", "--no-project", "--python", python, str(folder)],
        [
            str(uv),
            "pip",
            "install",
            "--quiet",
            "--python",
            str(folder / "bin" / "python"),
            "-r",
            str(requirements),
        ],
    ):
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        if done.returncode:
            raise PeerMissing(f"{peer} cannot be installed: {done.stderr.strip()[-500:]}")
    stamp.write_text(requirements.read_text())
