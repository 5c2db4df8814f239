"""The shop's MongoDB: a replica set of one node, because only a replica set has change streams."""

from __future__ import annotations

import sysconfig
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from stack.home import StackError
from stack.machine import which
from stack.packages import Toolbox
from stack.server import NotReady, Server

REPLICA_SET = "rs0"
AUTHENTICATION_FAILED = 18
NOT_YET_INITIALIZED = 94
USERS: dict[str, list[str | dict[str, str]]] = {
    "softcart": [{"role": "read", "db": "catalog"}],
    "shopkeeper": [{"role": "readWrite", "db": "catalog"}, {"role": "dbAdmin", "db": "catalog"}],
}


class MongoDB(Server):
    name = "mongodb"
    title = "MongoDB"
    executable = "mongod"
    packages = ("libcurl",)

    @property
    def mark(self) -> str:
        return f"--dbpath={self.data}"

    @property
    def _keyfile(self) -> Path:
        return self.folder / "keyfile"

    def initialise(self) -> None:
        key = self.home.passwords["mongodb.keyfile"].replace("-", "+").replace("_", "/")
        self.home.write_private(self._keyfile, key)

    def command(self, port: int) -> list[str]:
        wheel = Path(sysconfig.get_path("purelib")) / "fiftyone" / "db" / "bin" / "mongod"
        return [
            str(which("mongod") or wheel),
            self.mark,
            f"--port={port}",
            "--bind_ip=127.0.0.1",
            "--nounixsocket",
            f"--replSet={REPLICA_SET}",
            f"--keyFile={self._keyfile}",
            "--wiredTigerCacheSizeGB=0.5",
            "--oplogSize=1024",
            "--quiet",
            "--setParameter=diagnosticDataCollectionEnabled=false",
        ]

    def process_environment(self) -> dict[str, str]:
        return Toolbox(self.home.tools).environment("libcurl")

    def _client(self, port: int, *, login: bool) -> MongoClient[dict[str, Any]]:
        return MongoClient(
            "127.0.0.1",
            port,
            username="root" if login else None,
            password=self.home.passwords["mongodb.root"] if login else None,
            directConnection=True,
            serverSelectionTimeoutMS=2000,
        )

    def ping(self, port: int) -> str:
        login = (self.folder / "initialised").exists()
        try:
            with self._client(port, login=login) as client:
                hello = client.admin.command("hello")
                if login and not hello["isWritablePrimary"]:
                    self._follow_port(client, port)
                    raise NotReady("it has not elected itself yet")
                return str(client.server_info()["version"])
        except OperationFailure as error:
            if error.code == AUTHENTICATION_FAILED:
                raise StackError(
                    f"MongoDB on port {port} refuses the password in secrets.json: {error}"
                ) from error
            raise NotReady(str(error)) from error
        except PyMongoError as error:
            raise NotReady(str(error)) from error

    def _follow_port(self, client: MongoClient[dict[str, Any]], port: int) -> None:
        """A replica set remembers its members by address: tell it when the port has moved."""
        config = client.admin.command("replSetGetConfig")["config"]
        if config["members"][0]["host"] != f"127.0.0.1:{port}":
            config["members"][0]["host"] = f"127.0.0.1:{port}"
            config["version"] += 1
            client.admin.command("replSetReconfig", config, force=True)

    def provision(self, port: int) -> None:
        if not (self.folder / "initialised").exists():
            self._found_replica_set(port)
        with self._client(port, login=True) as client:
            known = {user["user"] for user in client.admin.command("usersInfo")["users"]}
            for user, roles in USERS.items():
                verb = "updateUser" if user in known else "createUser"
                client.admin.command(verb, user, pwd=self.home.passwords[f"mongodb.{user}"], roles=roles)

    def _found_replica_set(self, port: int) -> None:
        """Through the localhost exception, which ends with the first user."""
        member = {"_id": 0, "host": f"127.0.0.1:{port}"}
        with self._client(port, login=False) as client:
            client.admin.command("replSetInitiate", {"_id": REPLICA_SET, "members": [member]})
        # A client that knows the set waits for its primary.
        with MongoClient[dict[str, Any]](
            "127.0.0.1", port, replicaSet=REPLICA_SET, serverSelectionTimeoutMS=30000
        ) as client:
            client.admin.command(
                "createUser", "root", pwd=self.home.passwords["mongodb.root"], roles=["root"]
            )
