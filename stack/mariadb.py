"""The shop's MySQL: MariaDB with a row binlog, from PATH or from the distribution's packages."""

from __future__ import annotations

import subprocess

from stack.home import StackError
from stack.mysql_server import MySQLServer

READER_RIGHTS = "REPLICATION SLAVE, BINLOG MONITOR, PROCESS ON *.*"


class MariaDB(MySQLServer):
    name = "mysql"
    title = "MariaDB"
    executable = "mariadbd"
    packages = ("mariadb",)

    def _places(self) -> list[str]:
        """Where a MariaDB that was unpacked into the home finds its own files."""
        root = self.toolbox.unpacked("mariadb")
        if not root:
            return []
        return [
            f"--basedir={root}/usr",
            f"--lc-messages-dir={root}/usr/share/mysql",
            f"--plugin-dir={root}/usr/lib/mysql/plugin",
        ]

    def initialise(self) -> None:
        root = self.toolbox.unpacked("mariadb")
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
            str(self.toolbox.program("mariadb", "mariadb-install-db")),
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

    def command(self, port: int) -> list[str]:
        return [
            str(self.toolbox.program("mariadb", "mariadbd")),
            "--no-defaults",
            *self._places(),
            *self.common_options(port),
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

    def provision(self, port: int) -> None:
        rights = {
            "softcart": [READER_RIGHTS, "SELECT ON `shop`.*", "SELECT ON `sales`.*"],
            "shopkeeper": ["ALL ON `shop`.*"],
            "restore": ["ALL ON `sales`.*", r"ALL ON `sales\_%`.*"],
        }
        self.grant(port, rights)
