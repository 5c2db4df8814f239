"""The shop's MySQL: MariaDB with a row binlog, from PATH or from the distribution's packages."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pymysql

from stack.home import StackError
from stack.packages import Toolbox
from stack.server import NotReady, Server

ACCESS_DENIED = 1045
READER_RIGHTS = "REPLICATION SLAVE, BINLOG MONITOR, PROCESS ON *.*"


class MariaDB(Server):
    name = "mysql"
    title = "MariaDB"
    executable = "mariadbd"
    packages = ("mariadb",)

    @property
    def mark(self) -> str:
        return f"--datadir={self.data}"

    @property
    def _toolbox(self) -> Toolbox:
        return Toolbox(self.home.tools)

    def _places(self) -> list[str]:
        """Where a MariaDB that was unpacked into the home finds its own files."""
        root = self._toolbox.unpacked("mariadb")
        if not root:
            return []
        return [
            f"--basedir={root}/usr",
            f"--lc-messages-dir={root}/usr/share/mysql",
            f"--plugin-dir={root}/usr/lib/mysql/plugin",
        ]

    def initialise(self) -> None:
        root = self._toolbox.unpacked("mariadb")
        first = self.folder / "first.sql"
        password = self.home.passwords["mysql.root"]
        self.home.write_private(
            first,
            "DELETE FROM mysql.global_priv WHERE User = '' OR (User = 'root' AND Host <> 'localhost');\n"
            "FLUSH PRIVILEGES;\n"
            f"SET PASSWORD FOR root@localhost = PASSWORD('{password}');\n"
            f"CREATE USER root@'127.0.0.1' IDENTIFIED BY '{password}';\n"
            "GRANT ALL ON *.* TO root@'127.0.0.1' WITH GRANT OPTION;\n",
        )
        command = [
            str(self._toolbox.program("mariadb", "mariadb-install-db")),
            "--no-defaults",
            *(["--basedir=."] if root else []),  # the script does not quote it, and a path may have blanks
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
            f"--extra-file={first}",
            self.mark,
        ]
        done = subprocess.run(
            command,
            env=self.process_environment(),
            cwd=root / "usr" if root else self.folder,
            text=True,
            capture_output=True,
        )
        first.unlink()
        if done.returncode:
            raise StackError(
                f"MariaDB's data folder could not be made:\n{(done.stdout + done.stderr)[-2000:]}"
            )

    def process_environment(self) -> dict[str, str]:
        return self._toolbox.environment("mariadb")

    def command(self, port: int) -> list[str]:
        return [
            str(self._toolbox.program("mariadb", "mariadbd")),
            "--no-defaults",
            *self._places(),
            self.mark,
            f"--port={port}",
            "--bind-address=127.0.0.1",
            "--socket=socket",  # in the data folder; a relative path is never too long for the kernel
            f"--pid-file={self.folder / 'pid'}",
            f"--tmpdir={self._temporary()}",
            *(["--user=root"] if os.geteuid() == 0 else []),
            "--skip-name-resolve",
            "--server-id=1",
            "--log-bin=binlog",
            "--binlog-format=ROW",
            "--binlog-row-image=FULL",
            "--binlog-row-metadata=FULL",
            "--binlog-expire-logs-seconds=604800",
            "--max-binlog-size=104857600",
            "--sync-binlog=1",
            "--character-set-server=utf8mb4",
            "--collation-server=utf8mb4_unicode_ci",
            "--default-time-zone=+00:00",
            "--local-infile=0",
            "--innodb-buffer-pool-size=256M",
            "--max-allowed-packet=64M",
            "--max-connections=100",
        ]

    def _temporary(self) -> Path:
        folder = self.folder / "tmp"
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder

    def _connect(self, port: int) -> pymysql.Connection[pymysql.cursors.Cursor]:
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
            with self._connect(port) as connection, connection.cursor() as cursor:
                cursor.execute("SELECT version()")
                row = cursor.fetchone()
        except pymysql.err.OperationalError as error:
            if error.args[0] == ACCESS_DENIED:
                raise StackError(
                    f"MariaDB on port {port} refuses the password in secrets.json: {error}"
                ) from error
            raise NotReady(str(error)) from error
        return str(row[0]) if row else ""

    def provision(self, port: int) -> None:
        rights = {
            "softcart": [READER_RIGHTS, "SELECT ON `shop`.*", "SELECT ON `sales`.*"],
            "shopkeeper": ["ALL ON `shop`.*"],
            "restore": ["ALL ON `sales`.*", r"ALL ON `sales\_%`.*"],
        }
        with self._connect(port) as connection, connection.cursor() as cursor:
            cursor.execute("SET SESSION sql_log_bin = 0")
            cursor.execute("CREATE DATABASE IF NOT EXISTS shop")
            cursor.execute("CREATE DATABASE IF NOT EXISTS sales")
            for user, grants in rights.items():
                password = self.home.passwords[f"mysql.{user}"]
                cursor.execute(f"CREATE USER IF NOT EXISTS {user}@'%%' IDENTIFIED BY %s", (password,))
                for grant in grants:
                    cursor.execute(f"GRANT {grant} TO {user}@'%'")
