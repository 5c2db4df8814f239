"""Server binaries that are not on this machine, from Debian's or Ubuntu's packages, without root.

They are unpacked into a folder of the home; nothing is installed on the system. Standard library only: the
set-up runs this before there is a virtual environment.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from pathlib import Path

from stack.apt import Apt, SidApt
from stack.home import StackError
from stack.machine import can_load, machine_java, machine_mysql, which

GROUPS = {
    "mariadb": ("mariadb-server-core", "mariadb-client-core", "mariadb-client"),
    "libcurl": ("libcurl4",),  # MongoDB's wheel brings no libraries, and a small system lacks this one
    "java": ("default-jre-headless",),
    "derby": ("libderby-java", "derby-tools"),  # in Db2's place
    "hsqldb": ("libhsqldb-java",),  # for the tests of Db2's SQL alone
    "pip": ("python3-pip-whl",),
    "mysql": ("mysql-server-core-8.0",),  # Ubuntu's
    "chromium": ("chromium",),  # in which the tests look at the dashboard
    "pgbouncer": ("pgbouncer",),  # for the tests alone
}
# By which of its jars a group is known to be there.
JARS = {"derby": "derbytools.jar", "hsqldb": "hsqldb.jar"}
# From Debian's unstable distribution, where the machine's own has no such package.
SID_GROUPS = {"mysql": ("mysql-server-core",)}


class Toolbox:
    """The server binaries to use: the machine's own, else what was unpacked into the home.

    What was unpacked once stays in use: data is not handed to another version because PATH has changed.
    """

    def __init__(self, home: Path) -> None:
        self._folder = home / "debian"

    def ensure(self, *groups: str) -> None:
        """Fetch what neither the machine nor the home has yet.

        Raises:
            StackError: it can't be had here; names the packages.
        """
        if all(self.has(group) for group in groups):
            return
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self._folder / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if missing := [group for group in groups if not self.has(group)]:
                self._fetch(missing)

    def _fetch(self, groups: list[str]) -> None:
        if not (which("apt-get") and which("dpkg")):
            packages = [package for group in groups for package in GROUPS[group]]
            raise StackError(
                f"{', '.join(groups)} must be fetched from Debian's or Ubuntu's packages, and this machine "
                f"has no apt-get and dpkg: install the equivalent of {' '.join(packages)} and put it on PATH"
            )
        work = self._folder / "apt"
        apt = Apt(work)
        for group in groups:
            try:
                apt.fetch(GROUPS[group], self._folder / group)
            except StackError:
                if group not in SID_GROUPS:
                    raise
                SidApt(work / "sid", apt.mirror()).fetch(SID_GROUPS[group], self._folder / group)
        shutil.rmtree(work)

    def has(self, group: str) -> bool:
        return self.unpacked(group) is not None or self._on_machine(group)

    def _on_machine(self, group: str) -> bool:
        if group == "mariadb":
            return bool(which("mariadbd") and which("mariadb-install-db"))
        if group == "libcurl":
            return bool(which("mongod")) or can_load("libcurl.so.4")
        if group == "mysql":
            return machine_mysql() is not None
        if group in {"chromium", "pgbouncer"}:
            return which(group) is not None
        if group in JARS:
            return (self.jars(group) / JARS[group]).exists()
        return group == "java" and machine_java() is not None

    def unpacked(self, group: str) -> Path | None:
        """The root folder of a group's packages; None where the machine's own are used."""
        folder = self._folder / group
        return folder if folder.is_dir() else None

    def program(self, group: str, name: str) -> Path:
        """One of a group's programs, for instance MariaDB's ``mariadb-dump``.

        Raises:
            StackError: neither the machine nor the home has it.
        """
        root = self.unpacked(group)
        found = [root / "usr" / folder / name for folder in ("bin", "sbin")] if root else []
        path = next((path for path in found if path.exists()), None) if root else which(name)
        if not path:
            raise StackError(f"{name} is neither on PATH nor in {self._folder}: run make setup")
        return path

    def command(self, group: str, name: str) -> list[str]:
        """The beginning of a command: the program, started by its own loader where that was unpacked with it.

        Raises:
            StackError: as ``program``.
        """
        loader, program = self._loader(group), str(self.program(group, name))
        return [str(loader), "--library-path", str(loader.parent), program] if loader else [program]

    def _loader(self, group: str) -> Path | None:
        root = self.unpacked(group)
        return next(root.glob("usr/lib/*-linux-gnu*/ld-linux-*.so.*"), None) if root else None

    def environment(self, group: str) -> dict[str, str]:
        """The caller's environment, in which a program finds the libraries that were unpacked for it."""
        root = self.unpacked(group)
        if not root or self._loader(group):
            return dict(os.environ)
        libraries = root / "usr" / "lib"
        return {**os.environ, "LD_LIBRARY_PATH": str(next(libraries.glob("*-linux-gnu*"), libraries))}

    def jars(self, group: str) -> Path:
        """The folder of the jars that a group's packages bring."""
        return (self.unpacked(group) or Path("/")) / "usr" / "share" / "java"

    def java_home(self) -> Path | None:
        """JAVA_HOME of the unpacked Java; None where the machine's own is used."""
        root = self.unpacked("java")
        return next(root.glob("usr/lib/jvm/java-*-openjdk-*"), None) if root else None
