"""A Dockerfile's steps as commands on this machine, in an empty folder that takes the place of `ROOT`.

What needs a root's rights in a container of its own (Debian's packages, users) is left out.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

CLONE = Path(__file__).parents[2]
NEEDS_A_CONTAINER = re.compile(r"\b(apt-get|useradd|groupadd)\b")


@dataclass
class Stage:
    name: str
    steps: list[tuple[str, str]] = field(default_factory=list)


def stages(text: str) -> list[Stage]:
    """The stages of a Dockerfile with their steps, each an instruction and its arguments."""
    joined = re.sub(r"\\\n\s*", " ", re.sub(r"(?m)^#.*\n", "", text))
    found: list[Stage] = []
    for line in filter(None, map(str.strip, joined.splitlines())):
        instruction, _, arguments = line.partition(" ")
        if instruction == "FROM":
            found.append(Stage(arguments.partition(" AS ")[2]))
        elif found:
            found[-1].steps.append((instruction, arguments))
    return found


class Builder:
    """Runs the stages with `root` for `ROOT`; `context` is what COPY takes files from."""

    def __init__(self, root: Path, context: Path) -> None:
        self.root, self.context = root, context
        # Of this process nothing but what a package index needs to be reached.
        kept = ("HOME", "LANG", "SSL_CERT_FILE", "PIP_CONFIG_FILE", "PIP_INDEX_URL", "UV_DEFAULT_INDEX")
        self._outside = {name: os.environ[name] for name in kept if name in os.environ}
        self._built: dict[str, Path] = {}
        self.environment: dict[str, str] = {}
        self.command: list[str] = []

    def build(self, found: list[Stage]) -> None:
        for stage in found:
            self.root.mkdir(parents=True)
            self.environment = {**self._outside, "PATH": self._system_path(), "ROOT": str(self.root)}
            for instruction, arguments in stage.steps:
                getattr(self, f"_{instruction.lower()}", self._ignore)(arguments)
            if stage.name:
                self._built[stage.name] = self.root.with_name(f"{self.root.name}.{stage.name}")
                self.root.rename(self._built[stage.name])

    @staticmethod
    def _system_path() -> str:
        return f"{Path(sys.executable).resolve().parent}:/usr/local/bin:/usr/bin:/bin"

    def _expanded(self, text: str) -> str:
        return re.sub(r"\$\{?(\w+)\}?", lambda match: self.environment.get(match[1], ""), text)

    def _ignore(self, _arguments: str) -> None:
        """EXPOSE, USER, ENTRYPOINT and the like say how the image is run."""

    def _arg(self, arguments: str) -> None:
        name, _, value = arguments.partition("=")
        self.environment.setdefault(name, value)

    def _env(self, arguments: str) -> None:
        for pair in shlex.split(arguments):
            name, _, value = pair.partition("=")
            self.environment[name] = self._expanded(value)

    def _cmd(self, arguments: str) -> None:
        self.command = shlex.split(arguments.strip("[]").replace(",", " "))

    def _copy(self, arguments: str) -> None:
        *sources, target = (self._expanded(word) for word in arguments.split() if not word.startswith("--"))
        stage = re.search(r"--from=(\w+)", arguments)
        into = self.root / target
        for source in sources:
            path = self._built[stage[1]] if stage else self.context / source
            if path.is_dir():
                shutil.copytree(path, into, dirs_exist_ok=True, symlinks=True)
            else:
                into.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, into)

    def _run(self, command: str) -> None:
        if NEEDS_A_CONTAINER.search(command):
            return
        done = subprocess.run(
            ["sh", "-euc", command], cwd=self.root, env=self.environment, capture_output=True, text=True
        )
        assert done.returncode == 0, f"RUN {command}\n{done.stdout[-2000:]}{done.stderr[-4000:]}"


def context(folder: Path) -> Path:
    """What the build is given: the files that git has, as `.dockerignore` leaves them."""
    rules = [line for line in (CLONE / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    allowed = [rule[1:] for rule in rules]
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *allowed],
        cwd=CLONE,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in listed.stdout.splitlines():
        if (CLONE / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(CLONE / name, folder / name)
    return folder
