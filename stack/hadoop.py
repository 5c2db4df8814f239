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
    folder = home.tools / f"hadoop-{VERSION}"
    if folder.is_dir():
        return folder
    beside = folder.with_name(f"{folder.name}.new")
    spark = Path(sysconfig.get_path("purelib")) / "pyspark" / "jars"
    organisation, module, version = ARTIFACT
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
            f"HDFS needs {':'.join(ARTIFACT)} and what it depends on from Maven Central, which cannot be had"
            f" here; LAKE=disk and LAKE=s3 need none of it. {said}"
        )
    beside.rename(folder)
    return folder
