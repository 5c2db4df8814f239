"""Hadoop's servers from Maven Central, by Ivy, which Spark brings along: no Maven is needed."""

from __future__ import annotations

import subprocess
import sysconfig
from pathlib import Path

from stack.home import Home, StackError
from stack.machine import machine_java
from stack.packages import Toolbox

VERSION = "3.5.0"  # that of Spark's own client
ARTIFACT = ("org.apache.hadoop", "hadoop-client-minicluster", VERSION)
SIGNING = ("org.bouncycastle", "bcpkix-jdk18on", "1.82")  # what YARN's ResourceManager asks for besides


def java(home: Home) -> Path:
    """The Java that Spark uses, too."""
    toolbox = Toolbox(home.tools)
    toolbox.ensure("java")
    unpacked = toolbox.java_home()
    found = unpacked / "bin" / "java" if unpacked else machine_java()
    assert found is not None
    return found


def jars(home: Home) -> Path:
    """The folder of Hadoop's jars (104 MB), fetched the first time.

    Raises:
        StackError: Maven Central does not answer.
    """
    return _fetched(home, home.tools / f"hadoop-{VERSION}", ARTIFACT)


def signing_jars(home: Home) -> Path:
    """The folder of BouncyCastle's jars (10 MB), fetched the first time.

    Raises:
        StackError: Maven Central does not answer.
    """
    return _fetched(home, home.tools / f"{SIGNING[1]}-{SIGNING[2]}", SIGNING)


def _fetched(home: Home, folder: Path, artifact: tuple[str, str, str]) -> Path:
    if folder.is_dir():
        return folder
    beside = folder.with_name(f"{folder.name}.new")
    spark = Path(sysconfig.get_path("purelib")) / "pyspark" / "jars"
    organisation, module, version = artifact
    command = [
        str(java(home)),
        "-cp",
        f"{next(spark.glob('ivy-*.jar'))}:{spark}/*",
        "org.apache.ivy.Main",
        "-warn",
        "-m2compatible",
        "-cache",
        str(home.tools / "ivy"),
        "-dependency",
        organisation,
        module,
        version,
        "-confs",
        "default",
        "-types",
        "jar",
        "-retrieve",
        f"{beside}/[artifact]-[revision](-[classifier]).[ext]",
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode or not any(beside.glob(f"{module}-*.jar")):
        said = " ".join((done.stdout + done.stderr).split())[-400:]
        raise StackError(
            f"Hadoop needs {':'.join(artifact)} and what it depends on from Maven Central, which cannot be"
            f" had here; LAKE=disk and LAKE=s3 need none of it. {said}"
        )
    beside.rename(folder)
    return folder
