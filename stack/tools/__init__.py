"""Tools that few need, each fetched when it is asked for into an environment of its own.

Their pins are in the text files here. The project's own environment never sees them.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from stack.bootstrap import find_uv, interpreter, uv_environment
from stack.home import Home, StackError

PINS = Path(__file__).parent


class ToolMissing(StackError):
    """A tool cannot be had here; the message says why."""


@dataclass(frozen=True)
class Tool:
    """What the file `pins` lists, installed in `folder`, which lies two below the home."""

    pins: Path
    folder: Path

    @staticmethod
    def named(name: str, home: Home) -> Tool:
        """One of those whose pins are here."""
        return Tool(PINS / f"{name}.txt", home.tools / "tools" / name)

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    def install(self) -> None:
        """Make the environment unless it is there, with these pins.

        Raises:
            ToolMissing: the package index does not answer, or lacks something.
        """
        stamp, wanted = self.folder / "installed", self.pins.read_text()
        if stamp.exists() and stamp.read_text() == wanted:
            return
        home, python = self.folder.parent.parent, interpreter()
        uv, environment = str(find_uv(home, python)), {**os.environ, **uv_environment(home, python)}
        target = ["--python", str(self.python), "-r", str(self.pins)]
        for command in (
            [uv, "venv", "--quiet", "--clear", "--no-project", "--python", python, str(self.folder)],
            [uv, "pip", "install", "--quiet", "--compile-bytecode", *target],
        ):
            done = subprocess.run(command, env=environment, capture_output=True, text=True)
            if done.returncode:
                raise ToolMissing(f"{self.pins.stem} cannot be installed: {done.stderr.strip()[-500:]}")
        stamp.write_text(wanted)
