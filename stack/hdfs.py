"""The lake's HDFS: a NameNode and two DataNodes, each a process of its own."""

from __future__ import annotations

import json
import subprocess
import urllib.request
from pathlib import Path
from typing import Any, ClassVar

import psutil

from stack.hadoop import VERSION, jars, java
from stack.home import Home, StackError
from stack.ports import Ports
from stack.server import NotReady, Server

DATA_NODES = 2
_PORT = "-Dsoftcart.port="


def configuration(home: Home) -> Path:
    """The folder that HADOOP_CONF_DIR names."""
    return home.root / "hdfs" / "conf"


class Hadoop(Server):
    """One of Hadoop's servers, known by a property on its command line."""

    executable = "java"
    memory: ClassVar[str]
    main: ClassVar[str]

    @property
    def mark(self) -> str:
        return f"-Dsoftcart.data={self.data}"

    def port_of(self, process: psutil.Process) -> int:
        return next(int(word[len(_PORT) :]) for word in process.cmdline() if word.startswith(_PORT))

    def java_command(self, port: int) -> list[str]:
        """The server's command without its own arguments."""
        classes = f"{configuration(self.home)}:{jars(self.home)}/*"
        return [
            str(java(self.home)),
            f"-Xmx{self.memory}",
            self.mark,
            f"{_PORT}{port}",
            "-cp",
            classes,
            f"org.apache.hadoop.hdfs.server.{self.main}",
        ]

    def _bean(self, port: int, bean: str) -> dict[str, Any]:
        """What the NameNode says of itself. `port` is that of its web server."""
        url = f"http://127.0.0.1:{port}/jmx?qry=Hadoop:service=NameNode,name={bean}"
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                beans: list[dict[str, Any]] = json.load(answer)["beans"]
        except (OSError, ValueError) as error:
            raise NotReady(str(error)) from error
        if not beans:
            raise NotReady("the NameNode is on its way")
        return beans[0]

    def provision(self, port: int) -> None:
        """Nobody logs in: permissions are off, and all of it listens on loopback."""


class NameNode(Hadoop):
    name = "hdfs"
    title = "HDFS NameNode"
    memory = "256m"
    main = "namenode.NameNode"

    def _configure(self, port: int) -> None:
        web = Ports(self.home).wanted()["hdfs_web"]
        folder = configuration(self.home)
        core = {"fs.defaultFS": f"hdfs://127.0.0.1:{port}", "hadoop.tmp.dir": str(self.folder / "tmp")}
        hdfs = {
            "dfs.namenode.name.dir": self.data.as_uri(),
            "dfs.namenode.http-address": f"127.0.0.1:{web}",
            "dfs.namenode.rpc-bind-host": "127.0.0.1",
            "dfs.replication": str(DATA_NODES),
            "dfs.permissions.enabled": "false",
            "dfs.namenode.safemode.extension": "0",
            "dfs.namenode.datanode.registration.ip-hostname-check": "false",
            "dfs.namenode.heartbeat.recheck-interval": "5000",
            "dfs.heartbeat.interval": "1",
            # Of two copies one is enough to go on writing when a DataNode dies.
            "dfs.client.block.write.replace-datanode-on-failure.policy": "NEVER",
        }
        for name, properties in {"core-site.xml": core, "hdfs-site.xml": hdfs}.items():
            listed = "".join(
                f"<property><name>{key}</name><value>{value}</value></property>\n"
                for key, value in properties.items()
            )
            self.home.write_private(folder / name, f"<configuration>\n{listed}</configuration>\n")

    def initialise(self) -> None:
        port = Ports(self.home).wanted()[self.name]
        self._configure(port)
        words = ["-format", "-force", "-nonInteractive"]
        done = subprocess.run([*self.java_command(port), *words], capture_output=True, text=True)
        if done.returncode:
            raise StackError(f"{self.title} cannot be formatted: {done.stderr.strip()[-500:]}")

    def command(self, port: int) -> list[str]:
        self._configure(port)
        return self.java_command(port)

    def ping(self, port: int) -> str:
        web = Ports(self.home).wanted()["hdfs_web"]
        if self._bean(web, "FSNamesystemState")["FSState"] != "Operational":
            raise NotReady("it is in safe mode")
        return VERSION


class DataNode(Hadoop):
    memory = "192m"
    main = "datanode.DataNode"

    def initialise(self) -> None:
        """It fills its folder itself."""

    def command(self, port: int) -> list[str]:
        settings = {
            "dfs.datanode.data.dir": self.data.as_uri(),
            "dfs.datanode.address": f"127.0.0.1:{port}",
            "dfs.datanode.ipc.address": "127.0.0.1:0",
            "dfs.datanode.http.address": "127.0.0.1:0",
            "dfs.datanode.hostname": "127.0.0.1",
        }
        return [*self.java_command(port), *(f"-D{name}={value}" for name, value in settings.items())]

    def ping(self, port: int) -> str:
        """The NameNode has to know it."""
        web = Ports(self.home).wanted()["hdfs_web"]
        alive = json.loads(self._bean(web, "NameNodeInfo")["LiveNodes"])
        if f"127.0.0.1:{port}" not in {node["xferaddr"] for node in alive.values()}:
            raise NotReady("the NameNode does not know it yet")
        return VERSION


class FirstDataNode(DataNode):
    name = "hdfs_1"
    title = "HDFS DataNode 1"


class SecondDataNode(DataNode):
    name = "hdfs_2"
    title = "HDFS DataNode 2"


SERVERS = (NameNode, FirstDataNode, SecondDataNode)
