"""SOFTCART_HOME: the one folder that holds all state of this clone's servers, and its passwords."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

CLONE = Path(__file__).resolve().parent.parent
LOCKS = ("setup.lock", "stack.lock")
LOGINS = (
    "mysql.root",
    "mysql.softcart",
    "mysql.shopkeeper",
    "mysql.restore",
    "mongodb.root",
    "mongodb.softcart",
    "mongodb.shopkeeper",
    "mongodb.keyfile",
    "postgres.postgres",
    "postgres.softcart",
    "postgres.dagster",
    "postgres.mlflow",
    "postgres.bi",
    "db2.softcart",
)


class StackError(RuntimeError):
    """Something about the local servers that the user can mend; the message says how."""


@dataclass(frozen=True)
class Home:
    """Where a set of servers lives.

    ``tools`` is the home whose downloaded server binaries are used: the same folder, except for the servers
    of tests and benchmarks, which live in homes inside it and share the binaries. Their ports are free ones:
    SOFTCART_PORT_BASE speaks of the outer home's.
    """

    root: Path
    tools: Path
    ports_may_be_fixed: bool = True

    @classmethod
    def from_environment(cls) -> Home:
        root = Path(os.environ.get("SOFTCART_HOME") or CLONE / ".softcart").expanduser().resolve()
        return cls(root, root)

    def inner(self, name: str) -> Home:
        """A home inside this one, with servers and passwords of its own."""
        return Home(self.root / name, self.tools, ports_may_be_fixed=False)

    def inner_homes(self) -> list[Home]:
        """Those that there are: of tests, which may have been killed and left their servers running."""
        homes = (self.inner(folder.name) for folder in sorted(self.root.iterdir()) if folder.is_dir())
        return [home for home in homes if home.is_home]

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def dagster(self) -> Path:
        return self.root / "dagster"

    @property
    def demo(self) -> Path:
        """The demo shop's landing files, once they were generated."""
        return self.root / "landing"

    @property
    def is_home(self) -> bool:
        """Whether this folder was made by SoftCart (and may be thrown away)."""
        return any((self.root / lock).is_file() for lock in LOCKS)

    def prepare(self) -> None:
        """Make the folders that every command relies on; only their owner may look inside.

        Raises:
            StackError: the folder holds something else, and ``make clean`` would throw that away one day.
        """
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not self.is_home and any(self.root.iterdir()):
            raise StackError(
                f"SOFTCART_HOME is {self.root}, which holds other things: name a folder of its own"
            )
        (self.root / LOCKS[-1]).touch()
        self.logs.mkdir(mode=0o700, exist_ok=True)
        self.dagster.mkdir(mode=0o700, exist_ok=True)

    @cached_property
    def passwords(self) -> dict[str, str]:
        """The generated password of each login, made once.

        Raises:
            StackError: the file is gone or damaged while servers exist that were made with its passwords.
        """
        path = self.root / "secrets.json"
        try:
            known = json.loads(path.read_text())
        except FileNotFoundError:
            known = {}
        except ValueError as error:
            raise StackError(f"{path} is damaged ({error}): restore it, or start over: make clean") from error
        if not known and any(self.root.glob("*/initialised")):
            raise StackError(
                f"{path} is missing, and the servers in {self.root} can't be entered without the passwords "
                "in it: restore it, or start over: make clean"
            )
        missing = [login for login in LOGINS if login not in known]
        if missing:
            self.prepare()
            known |= {login: secrets.token_urlsafe(24) for login in missing}
            self.write_private(path, json.dumps(known, indent=2))
        return dict(known)

    def write_private(self, path: Path, text: str) -> None:
        """Replace a file in one step by one that only its owner can read."""
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        beside = path.with_name(f"{path.name}.{os.getpid()}")
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
        beside.replace(path)

    @contextmanager
    def locked(self, name: str = "stack.lock") -> Iterator[None]:
        """Hold back whoever else wants to set up (``setup.lock``), or to start and stop (``stack.lock``)."""
        self.prepare()
        with (self.root / name).open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
