"""The stand-in for Redshift: PostgreSQL behind a small proxy that knows Redshift's words, and S3 by moto.

What it does not show is in docs/warehouses/redshift.md.
"""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from psycopg2.extensions import connection as Connection

from stack.home import Home, StackError
from stack.lake import KEYS
from stack.ports import Ports
from stack.postgres import PostgreSQL
from stack.s3 import S3, STAGE_BUCKET
from stack.server import READY_SECONDS, NotReady, Server
from stack.stand_in import StandIn

DATABASE, OWNER = "redshift", "softcart"
# Redshift's functions that PostgreSQL lacks, and its list of lines that a COPY refused, which an error's code
# tells here.
FUNCTIONS = """
CREATE OR REPLACE FUNCTION public.getdate() RETURNS timestamp LANGUAGE sql STABLE
    AS $$ SELECT (clock_timestamp() AT TIME ZONE 'UTC')::timestamp(0) $$;
CREATE OR REPLACE FUNCTION public.strtol(digits text, base integer) RETURNS bigint LANGUAGE sql IMMUTABLE
    AS $$ SELECT ('x' || lpad(digits, 16, '0'))::bit(64)::bigint $$;
CREATE OR REPLACE FUNCTION public.datediff(part text, one timestamp, other timestamp) RETURNS bigint
    LANGUAGE sql IMMUTABLE AS $$ SELECT (extract(epoch FROM other - one) * 1000000)::bigint $$;
CREATE OR REPLACE FUNCTION public.json_serialize_to_varbyte(document jsonb) RETURNS bytea
    LANGUAGE sql IMMUTABLE AS $$ SELECT convert_to(document::text, 'UTF8') $$;
CREATE TABLE IF NOT EXISTS public.sys_load_error_detail (session_id integer, start_time timestamp);
"""


class RedshiftProxy(Server):
    name = "redshift"
    title = "Redshift (PostgreSQL behind a proxy)"
    executable = "redshift_proxy.py"

    @property
    def mark(self) -> str:
        return str(self.data)

    def initialise(self) -> None:
        """It keeps nothing: the rows are PostgreSQL's."""

    def command(self, port: int) -> list[str]:
        ports = Ports(self.home).wanted()
        script = str(Path(__file__).with_name(self.executable))
        servers = [f"--server-port={ports['postgres']}", f"--s3=http://127.0.0.1:{ports['s3']}"]
        return [sys.executable, script, self.mark, f"--port={port}", *servers]

    def ping(self, port: int) -> str:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
        except OSError as error:
            raise NotReady(str(error)) from error
        return ""

    def provision(self, port: int) -> None:
        server, ports = PostgreSQL(self.home), Ports(self.home).wanted()
        deadline = time.monotonic() + READY_SECONDS
        while True:  # the servers start side by side
            try:
                server.ping(ports["postgres"])
                break
            except NotReady as error:
                if time.monotonic() > deadline:
                    raise StackError(f"{self.title}: PostgreSQL is not ready: {error}") from error
                time.sleep(0.2)
        with closing(server.connect(ports["postgres"])) as root, root.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (OWNER,))
            if cursor.fetchone() is None:
                cursor.execute(f"CREATE ROLE {OWNER} LOGIN")  # its password is set where PostgreSQL starts
            cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,))
            if cursor.fetchone() is None:
                cursor.execute(f"CREATE DATABASE {DATABASE} OWNER {OWNER}")
        with closing(server.connect(ports["postgres"], DATABASE)) as root:
            prepare(root)


def prepare(connection: Connection) -> None:
    """Give a database what PostgreSQL lacks of Redshift, by a connection in autocommit mode."""
    with connection.cursor() as cursor:
        cursor.execute(FUNCTIONS)
        cursor.execute(f"GRANT SELECT ON public.sys_load_error_detail TO {OWNER}")


class RedshiftStandIn(StandIn):
    name = "redshift"
    title = RedshiftProxy.title
    servers = (S3, RedshiftProxy)
    lacks = (
        "how rows lie on the nodes (DISTKEY, SORTKEY, ENCODE), IAM roles and Redshift's own speed show on a"
        " cluster alone; see docs/warehouses/redshift.md",
    )

    def url(self, home: Home, ports: Mapping[str, int]) -> str:
        login = f"{OWNER}:{home.passwords['postgres.softcart']}"
        return f"redshift+psycopg2://{login}@127.0.0.1:{ports[RedshiftProxy.name]}/{DATABASE}"

    def variables(self, home: Home, ports: Mapping[str, int]) -> dict[str, str]:
        return {
            "SOFTCART_STAGE": f"s3://{STAGE_BUCKET}/redshift",
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{ports['s3']}",
            **KEYS,
        }
