"""Debian's and Ubuntu's packages without root: apt downloads into a folder of ours, and dpkg unpacks there.

Standard library only: the set-up runs this before there is a virtual environment.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from stack.home import StackError

CONFIGURATION = """\
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
# Nothing of the machine counts: neither its sources and pins, nor what is installed.
SID_CONFIGURATION = """\
Dir::Etc::sourcelist "{folder}/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::State::status "{folder}/status";
APT::Default-Release "";
"""
MIRROR = "http://deb.debian.org/debian"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


class Apt:
    """apt and dpkg, pointed at a folder of ours; the machine's own distribution."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._archives = folder / "cache" / "archives"
        for name in ("lists/partial", "log"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        self._configuration = folder / "apt.conf"
        self._configuration.write_text(self._settings())
        self._updated = self._run("-qq", "update").stdout

    def _settings(self) -> str:
        return CONFIGURATION.format(folder=self._folder)

    def fetch(self, packages: tuple[str, ...], root: Path) -> None:
        """Download these packages with what they need, and unpack all into a folder that is not there yet.

        Raises:
            StackError: apt can't; with what it says.
        """
        shutil.rmtree(self._archives, ignore_errors=True)
        (self._archives / "partial").mkdir(parents=True)
        install = self._run("-qq", "install", "-y", "--download-only", *packages)
        if install.returncode:
            said = (self._updated + install.stdout).strip()[-2000:]
            raise StackError(f"{' '.join(packages)} could not be fetched with apt-get, which says:\n{said}")
        self._unpack(root)

    def mirror(self) -> str:
        """Where this machine has Debian's packages from; Debian's own address where it has none."""
        targets = self._run("indextargets", "--format", "$(ORIGIN) $(LABEL) $(REPO_URI)").stdout
        found = [line.split(" ", 2) for line in targets.splitlines()]
        return next((uri for origin, label, uri in found if origin == label == "Debian"), MIRROR)

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["apt-get", "-c", str(self._configuration), *arguments],
            env={**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def _takes(self, archive: Path) -> bool:
        return not archive.name.startswith("libc6_")  # never run a second C library beside the machine's own

    def _unpack(self, root: Path) -> None:
        """Unpack beside and rename: a folder that is there is complete."""
        beside = root.with_name(f"{root.name}.new")
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir()
        for archive in sorted(filter(self._takes, self._archives.glob("*.deb"))):
            subprocess.run(["dpkg", "-x", str(archive), str(beside)], check=True)
        make_links_relative(beside)
        beside.rename(root)


class SidApt(Apt):
    """Debian's unstable distribution, whatever this machine runs.

    Its programs want a newer C library than the machine's, which is fetched too; they are started by the
    loader that comes with it.
    """

    def __init__(self, folder: Path, mirror: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "status").touch()
        (folder / "sources.list").write_text(f"deb [signed-by={KEYRING}] {mirror} sid main\n")
        super().__init__(folder)

    def _settings(self) -> str:
        return super()._settings() + SID_CONFIGURATION.format(folder=self._folder)

    def _takes(self, archive: Path) -> bool:
        return True


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
