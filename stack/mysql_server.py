"""What MariaDB and MySQL have in common as local servers."""

from __future__ import annotations

import os

import pymysql

from stack.home import StackError
from stack.packages import Toolbox
from stack.server import NotReady, Server

ACCESS_DENIED = 1045
DATABASES = ("shop", "sales")


class MySQLServer(Server):
    """A server that speaks MySQL's protocol, with its data and socket in the home."""

    @property
    def mark(self) -> str:
        return f"--datadir={self.data}"

    @property
    def toolbox(self) -> Toolbox:
        return Toolbox(self.home.tools)

    def process_environment(self) -> dict[str, str]:
        (group,) = self.packages
        # A server that starts removes the temporary tables that it finds there, also those of another one.
        temporary = self.folder / "tmp"
        temporary.mkdir(mode=0o700, exist_ok=True)
        return {**self.toolbox.environment(group), "TMPDIR": str(temporary)}

    def common_options(self, port: int) -> list[str]:
        """Where the server listens and keeps its things."""
        return [
            self.mark,
            f"--port={port}",
            "--bind-address=127.0.0.1",
            "--socket=socket",  # in the data folder; a relative path is never too long for the kernel
            f"--pid-file={self.folder / 'pid'}",
            *self.user_option(),
            "--skip-name-resolve",
            "--server-id=1",
        ]

    @staticmethod
    def user_option() -> list[str]:
        """Both refuse to run as root unless they are told to."""
        return ["--user=root"] if os.geteuid() == 0 else []

    def connect(self, port: int) -> pymysql.Connection[pymysql.cursors.Cursor]:
        """A login of the administrator, in autocommit mode."""
        return pymysql.connect(
            host="127.0.0.1",
            port=port,
            user="root",
            password=self.home.passwords["mysql.root"],
            connect_timeout=5,
            autocommit=True,
        )

    def ping(self, port: int) -> str:
        try:
            with self.connect(port) as connection, connection.cursor() as cursor:
                cursor.execute("SELECT version()")
                row = cursor.fetchone()
        except pymysql.err.OperationalError as error:
            if error.args[0] == ACCESS_DENIED:
                raise StackError(
                    f"{self.title} on port {port} refuses the password in secrets.json: {error}"
                ) from error
            raise NotReady(str(error)) from error
        return str(row[0]) if row else ""

    def grant(self, port: int, rights: dict[str, list[str]]) -> None:
        """Make the databases, and users with these rights; nothing of it is in the binlog."""
        with self.connect(port) as connection, connection.cursor() as cursor:
            cursor.execute("SET SESSION sql_log_bin = 0")
            for database in DATABASES:
                cursor.execute(f"CREATE DATABASE IF NOT EXISTS {database}")
            for user, grants in rights.items():
                password = self.home.passwords[f"mysql.{user}"]
                cursor.execute(f"CREATE USER IF NOT EXISTS {user}@'%%' IDENTIFIED BY %s", (password,))
                for grant in grants:
                    cursor.execute(f"GRANT {grant} TO {user}@'%'")
