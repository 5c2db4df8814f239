"""Server binaries that are not on this machine, from Debian's or Ubuntu's packages, without root.

apt downloads into a folder of the home and ``dpkg -x`` unpacks there; nothing is installed on the system.
Standard library only: the set-up runs this before there is a virtual environment.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import re
import shutil
import subprocess
from pathlib import Path

from stack.home import StackError

GROUPS = {
    "mariadb": ("mariadb-server-core", "mariadb-client-core", "mariadb-client"),
    "libcurl": ("libcurl4",),  # MongoDB's wheel brings no libraries, and a small system lacks this one
    "java": ("default-jre-headless",),
    "pip": ("python3-pip-whl",),
}
OLDEST_JAVA = 17
ADMINISTRATORS_FOLDERS = ("/usr/local/sbin", "/usr/sbin")  # not on an ordinary user's PATH

APT_CONFIGURATION = """\
Dir::State::lists "{folder}/lists";
Dir::Cache "{folder}/cache";
Dir::Log "{folder}/log";
Debug::NoLocking "true";
APT::Sandbox::User "root";
APT::Install-Recommends "false";
Acquire::Languages "none";
Acquire::Retries "3";
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Pre-Install-Pkgs;
"""


def which(name: str) -> Path | None:
    """An executable of this machine."""
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), *ADMINISTRATORS_FOLDERS])
    found = shutil.which(name, path=path)
    return Path(found) if found else None


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
                Apt(self._folder).fetch(missing)

    def has(self, group: str) -> bool:
        return self.unpacked(group) is not None or self._on_machine(group)

    def _on_machine(self, group: str) -> bool:
        if group == "mariadb":
            return bool(which("mariadbd") and which("mariadb-install-db"))
        if group == "libcurl":
            return bool(which("mongod")) or can_load("libcurl.so.4")
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

    def environment(self, group: str) -> dict[str, str]:
        """The caller's environment, in which a program finds the libraries that were unpacked for it."""
        root = self.unpacked(group)
        if not root:
            return dict(os.environ)
        libraries = root / "usr" / "lib"
        return {**os.environ, "LD_LIBRARY_PATH": str(next(libraries.glob("*-linux-gnu*"), libraries))}

    def java_home(self) -> Path | None:
        """JAVA_HOME of the unpacked Java; None where the machine's own is used."""
        root = self.unpacked("java")
        return next(root.glob("usr/lib/jvm/java-*-openjdk-*"), None) if root else None


def can_load(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def machine_java() -> Path | None:
    """The machine's Java where it is new enough, told from its ``release`` file: no JVM is started."""
    named = os.environ.get("JAVA_HOME")
    for java in (
        named and Path(named, "bin", "java"),
        which("java"),
        Path("/usr/lib/jvm/default-java/bin/java"),
    ):
        if not java or not java.exists():
            continue
        release = java.resolve().parent.parent / "release"
        version = re.search(r'JAVA_VERSION="(\d+)', release.read_text() if release.is_file() else "")
        if version and int(version[1]) >= OLDEST_JAVA:
            return java
    return None


class Apt:
    """apt and dpkg, pointed at a folder of ours."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._archives = folder / "cache" / "archives"

    def fetch(self, groups: list[str]) -> None:
        """Download the packages of these groups with what they need, and unpack each."""
        packages = [package for group in groups for package in GROUPS[group]]
        if not (which("apt-get") and which("dpkg")):
            raise StackError(
                f"{', '.join(groups)} must be fetched from Debian's or Ubuntu's packages, and this machine "
                f"has no apt-get and dpkg: install the equivalent of {' '.join(packages)} and put it on PATH"
            )
        for folder in ("lists/partial", "cache/archives/partial", "log"):
            (self._folder / folder).mkdir(parents=True, exist_ok=True)
        configuration = self._folder / "apt.conf"
        configuration.write_text(APT_CONFIGURATION.format(folder=self._folder))
        update = self._apt("-qq", "update")
        for group in groups:
            shutil.rmtree(self._archives)
            (self._archives / "partial").mkdir(parents=True)
            install = self._apt("-qq", "install", "-y", "--download-only", *GROUPS[group])
            if install.returncode:
                said = (update.stdout + install.stdout).strip()[-2000:]
                raise StackError(
                    f"{' '.join(GROUPS[group])} could not be fetched with apt-get, which says:\n{said}"
                )
            self._unpack(group)
        for folder in ("lists", "cache"):
            shutil.rmtree(self._folder / folder)

    def _apt(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["apt-get", "-c", str(self._folder / "apt.conf"), *arguments],
            env={**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def _unpack(self, group: str) -> None:
        """Unpack beside and rename: a group that is there is complete."""
        beside = self._folder / f"{group}.new"
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir()
        for archive in sorted(self._archives.glob("*.deb")):
            if not archive.name.startswith("libc6_"):  # never run a second C library beside the machine's own
                subprocess.run(["dpkg", "-x", str(archive), str(beside)], check=True)
        make_links_relative(beside)
        beside.rename(self._folder / group)


def make_links_relative(root: Path) -> None:
    """Point the packages' absolute links (Java's into /etc) at what was unpacked with them."""
    for folder, folders, files in os.walk(root):
        for name in [*folders, *files]:
            link = Path(folder, name)
            if not link.is_symlink():
                continue
            target = link.readlink()
            inside = root / target.relative_to("/") if target.is_absolute() else None
            if inside and (inside.exists() or inside.is_symlink()):
                link.unlink()
                link.symlink_to(os.path.relpath(inside, link.parent))
