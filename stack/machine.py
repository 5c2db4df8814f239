"""What this machine has by itself: programs on PATH, libraries, Java, MySQL."""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import subprocess
from pathlib import Path

OLDEST_JAVA = 17
ADMINISTRATORS_FOLDERS = ("/usr/local/sbin", "/usr/sbin")  # not on an ordinary user's PATH


def which(name: str) -> Path | None:
    """An executable of this machine."""
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), *ADMINISTRATORS_FOLDERS])
    found = shutil.which(name, path=path)
    return Path(found) if found else None


def can_load(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def machine_mysql() -> Path | None:
    """The machine's ``mysqld`` where it is MySQL's: MariaDB's packages install one of that name too."""
    mysqld = which("mysqld")
    if not mysqld:
        return None
    said = subprocess.run([str(mysqld), "--version"], capture_output=True, text=True).stdout
    return mysqld if said and "mariadb" not in said.lower() else None


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
