"""How one database gets into a file and back."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit, urlunsplit

from bson import decode_file_iter, json_util
from bson.raw_bson import DEFAULT_RAW_BSON_OPTIONS
from psycopg2 import sql
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from stack.home import StackError
from stack.mariadb import MariaDB
from stack.postgres import PostgreSQL
from sync.connections.postgresql import connect_postgresql
from sync.connections.urls import parse
from sync.errors import SyncError

OWN_SCHEMAS = r"""
    SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' ORDER BY 1
"""
PORTION = 1000  # documents


def run(
    command: Sequence[str],
    what: str,
    environment: Mapping[str, str],
    stdin: IO[bytes] | None = None,
    stdout: IO[bytes] | None = None,
) -> None:
    """Run a server's tool.

    Raises:
        StackError: it failed; `what` was to be done, with what it said.
    """
    done = subprocess.run(
        list(command),
        env=dict(environment),
        stdin=stdin or subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
    )
    if done.returncode:
        raise StackError(f"{what} failed: {done.stderr.decode(errors='replace').strip()[-1000:]}")


class PostgreSQLDump:
    """A PostgreSQL database by pg_dump, in its custom format, at the URL of its owner."""

    suffix = "dump"

    def __init__(self, url: str) -> None:
        self._url, self._parsed = url, parse(url)

    @property
    def place(self) -> str:
        return str(self._parsed)

    def _tool(self, name: str, *arguments: str) -> tuple[list[str], dict[str, str]]:
        """The password goes by the environment: who may list processes reads command lines."""
        parts = urlsplit(self._parsed.text)
        where = parts.netloc.rpartition("@")[2]
        user = parts.netloc.rpartition("@")[0].partition(":")[0]
        plain = urlunsplit(parts._replace(netloc=f"{user}@{where}"))
        environment = {**os.environ, "PGPASSWORD": self._parsed.password}
        return [str(PostgreSQL.binaries() / name), *arguments, f"--dbname={plain}"], environment

    def save(self, path: Path) -> None:
        command, environment = self._tool("pg_dump", "--format=custom", f"--file={path}")
        run(command, f"the dump of {self.place}", environment)

    def load(self, path: Path) -> None:
        """Replace all that is in the database by what the dump holds."""
        try:
            with closing(connect_postgresql(self._url)) as connection, connection.cursor() as cursor:
                cursor.execute("SET lock_timeout = '10s'")
                cursor.execute(OWN_SCHEMAS)
                for (name,) in cursor.fetchall():
                    cursor.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(name)))
                cursor.execute("CREATE SCHEMA public")
        except SyncError as error:
            raise StackError(f"{self.place} cannot be emptied: {error}") from error
        command, environment = self._tool("pg_restore", "--no-owner", "--exit-on-error")
        run([*command, str(path)], f"the restore of {self.place}", environment)


class MariaDBDump:
    """The local shop's databases by mariadb-dump, as SQL, by the administrator's login."""

    suffix = "sql"

    def __init__(self, server: MariaDB, port: int) -> None:
        self._server, self._port = server, port

    @property
    def place(self) -> str:
        return f"MariaDB on 127.0.0.1:{self._port}"

    def _tool(self, name: str, scratch: Path, *arguments: str) -> tuple[list[str], dict[str, str]]:
        password = self._server.home.passwords["mysql.root"]
        login = f'[client]\nuser=root\npassword="{password}"\nhost=127.0.0.1\nport={self._port}\n'
        options = scratch.with_name("login.cnf")
        self._server.home.write_private(options, login)
        command = self._server.toolbox.command("mariadb", name)
        environment = self._server.toolbox.environment("mariadb")
        return [*command, f"--defaults-file={options}", *arguments], environment

    def save(self, path: Path) -> None:
        whole = ["--single-transaction", "--routines", "--events", "--hex-blob", "--add-drop-database"]
        command, environment = self._tool("mariadb-dump", path, *whole, "--databases", "shop", "sales")
        try:
            with path.open("wb") as file:
                run(command, f"the dump of {self.place}", environment, stdout=file)
        finally:
            path.with_name("login.cnf").unlink(missing_ok=True)

    def load(self, path: Path) -> None:
        command, environment = self._tool("mariadb", path)
        try:
            with path.open("rb") as file:
                run(command, f"the restore of {self.place}", environment, stdin=file)
        finally:
            path.with_name("login.cnf").unlink(missing_ok=True)


class MongoDBDump:
    """The local catalog as a folder of BSON, read in one snapshot.

    MongoDB's own tools are in none of the package archives that the set-up uses, so this writes what
    mongodump writes, a file of documents and one of options and indexes a collection; mongorestore reads it.
    """

    suffix = "bson"

    def __init__(self, url: str) -> None:
        self._url, self._parsed = url, parse(url)

    @property
    def place(self) -> str:
        return str(self._parsed)

    def _client(self) -> MongoClient[Any]:
        return MongoClient(self._parsed.text)

    def save(self, path: Path) -> None:
        path.mkdir()
        raw = DEFAULT_RAW_BSON_OPTIONS
        try:
            with self._client() as client, client.start_session(snapshot=True) as session:
                database = client.get_default_database()
                for listed in database.list_collections(filter={"type": "collection"}):
                    name = listed["name"]
                    if name.startswith("system."):
                        continue
                    collection = database.get_collection(name, codec_options=raw)
                    with (path / f"{name}.bson").open("wb") as file:
                        for document in collection.find(session=session):
                            file.write(document.raw)
                    indexes = list(database[name].list_indexes())
                    known = {"options": listed.get("options", {}), "indexes": indexes}
                    (path / f"{name}.metadata.json").write_text(json_util.dumps(known))
        except PyMongoError as error:
            raise StackError(f"the dump of {self.place} failed: {error}") from error

    def load(self, path: Path) -> None:
        try:
            with self._client() as client:
                database = client.get_default_database()
                for name in database.list_collection_names(filter={"type": "collection"}):
                    if not name.startswith("system."):
                        database.drop_collection(name)
                for metadata in sorted(path.glob("*.metadata.json")):
                    _load_collection(database, metadata)
        except PyMongoError as error:
            raise StackError(f"the restore of {self.place} failed: {error}") from error


def _load_collection(database: Any, metadata: Path) -> None:
    name = metadata.name.removesuffix(".metadata.json")
    known = json.loads(metadata.read_text(), object_hook=json_util.object_hook)
    collection = database.create_collection(name, **known["options"])
    with metadata.with_name(f"{name}.bson").open("rb") as file:
        portion: list[Any] = []
        for document in decode_file_iter(file, DEFAULT_RAW_BSON_OPTIONS):
            portion.append(document)
            if len(portion) == PORTION:
                collection.insert_many(portion)
                portion = []
        if portion:
            collection.insert_many(portion)
    for index in known["indexes"]:
        if index["name"] != "_id_":
            options = {name: value for name, value in index.items() if name not in ("key", "v", "ns")}
            collection.create_index(list(index["key"].items()), **options)
