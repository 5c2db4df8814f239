"""A real MySQL beside the shop's MariaDB, for the tests alone: its binlog, types and logins differ.

It keeps MySQL's own defaults (row binlog with minimal metadata, strict mode), as a shop would.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from stack.home import StackError
from stack.mysql_server import MySQLServer


class MySQL(MySQLServer):
    name = "real_mysql"
    title = "MySQL"
    executable = "mysqld"
    packages = ("mysql",)

    @property
    def _first(self) -> Path:
        return self.folder / "first.sql"

    def _places(self) -> list[str]:
        """Where a MySQL that was unpacked into the home finds its own files."""
        root = self.toolbox.unpacked("mysql")
        if not root:
            return []
        plugins = next(root.glob("usr/lib/**/mysql/plugin"))
        return [
            f"--basedir={root}/usr",
            f"--lc-messages-dir={root}/usr/share/mysql",
            f"--plugin-dir={plugins}",
        ]

    def _program(self) -> list[str]:
        return [*self.toolbox.command("mysql", "mysqld"), "--no-defaults", *self._places()]

    def initialise(self) -> None:
        """Make the data folder; the administrator gets his password when the server starts first.

        MySQL takes no statement about accounts while it makes its data folder.
        """
        password = self.home.passwords["mysql.root"]
        self.home.write_private(
            self._first,
            "SET sql_log_bin = 0;\n"
            f"ALTER USER root@localhost IDENTIFIED BY '{password}';\n"
            f"CREATE USER root@'127.0.0.1' IDENTIFIED BY '{password}';\n"
            "GRANT ALL ON *.* TO root@'127.0.0.1' WITH GRANT OPTION;\n",
        )
        command = [*self._program(), "--initialize-insecure", *self.user_option(), self.mark]
        done = subprocess.run(
            command, env=self.process_environment(), cwd=self.folder, text=True, capture_output=True
        )
        if done.returncode:
            raise StackError(f"MySQL's data folder could not be made:\n{(done.stdout + done.stderr)[-2000:]}")

    def command(self, port: int) -> list[str]:
        return [
            *self._program(),
            *self.common_options(port),
            *([f"--init-file={self._first}"] if self._first.exists() else []),
            "--mysqlx=OFF",
            "--secure-file-priv=NULL",
        ]

    def provision(self, port: int) -> None:
        self._first.unlink(missing_ok=True)
        replication = "REPLICATION SLAVE, REPLICATION CLIENT, PROCESS ON *.*"
        self.grant(port, {"softcart": [replication, "SELECT ON `shop`.*", "SELECT ON `sales`.*"]})
