"""Redshift's stand-in for the tests: a proxy in this process, in front of a fresh database and of moto."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from stack.cluster import Cluster
from stack.lake import KEYS
from stack.redshift import prepare
from stack.redshift_proxy import Proxy
from stack.s3 import S3, STAGE_BUCKET
from sync.connections.postgresql import connect_postgresql
from sync.warehouses.redshift.layout import VARIABLE as LAYOUT_VARIABLE
from tests.fresh import fresh_database

OWN = "SOFTCART_TEST_REDSHIFT_URL"
LAYOUT = Path(__file__).with_name("redshift_layout.json")


class FaultyProxy(Proxy):
    """The proxy, with its statements noted, and the faults that a test asks for, each of which happens
    once."""

    def __init__(self, server_port: int, s3: str) -> None:
        super().__init__(server_port, s3)
        self.statements: list[str] = []
        self.fails: tuple[str, str, str] | None = None  # a statement that begins so, and the error
        self.halves_files = False
        self.loses_commit_after: str | None = None  # a statement that has this in it

    def refusal(self, statement: str) -> tuple[str, str] | None:
        self.statements.append(statement)
        if self.fails is None or not statement.startswith(self.fails[0]):
            return None
        (_, code, message), self.fails = self.fails, None
        return code, message

    def answered(self, statement: str) -> bool:
        if self.loses_commit_after is None or statement != "COMMIT":
            return True
        if not any(self.loses_commit_after in before for before in self.statements):
            return True
        self.loses_commit_after = None
        return False

    def files(self, files: list[str]) -> list[str]:
        taken = files[: len(files) // 2] if self.halves_files else files
        self.halves_files = False
        return taken


# By the port on which each serves.
PROXIES: dict[int, FaultyProxy] = {}


@contextmanager
def served_redshift(stack: Cluster, urls: Mapping[str, str]) -> Iterator[str]:
    """The URL of an empty warehouse, with its settings in `os.environ`."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv(LAYOUT_VARIABLE, str(LAYOUT))
        if own := os.environ.get(OWN):
            yield own
            return
        with stack.home.locked():
            S3(stack.home).start(stack.ports, lambda line: None)
        ports = stack.ports.wanted()
        s3 = f"http://127.0.0.1:{ports['s3']}"
        stage = f"s3://{STAGE_BUCKET}/{uuid4().hex}"
        for name, value in {**KEYS, "AWS_ENDPOINT_URL": s3, "SOFTCART_STAGE": stage}.items():
            environment.setenv(name, value)
        with _proxied(stack, urls, FaultyProxy(ports["postgres"], s3)) as url:
            yield url


@contextmanager
def _proxied(stack: Cluster, urls: Mapping[str, str], proxy: FaultyProxy) -> Iterator[str]:
    with fresh_database(stack, urls["SOFTCART_PRODUCTION_URL"]) as url, serving(proxy) as port:
        with closing(connect_postgresql(url)) as connection:
            prepare(connection)
        parts = urlsplit(url)
        yield f"redshift+psycopg2://{parts.username}:{parts.password}@127.0.0.1:{port}{parts.path}"


@contextmanager
def serving(proxy: FaultyProxy) -> Iterator[int]:
    """Serve in a thread; yields the port."""
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(proxy.serve(0))
    thread = Thread(target=loop.run_forever, daemon=True)
    thread.start()
    port = int(server.sockets[0].getsockname()[1])
    PROXIES[port] = proxy
    try:
        yield port
    finally:
        del PROXIES[port]
        asyncio.run_coroutine_threadsafe(_stopped(server), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _stopped(server: asyncio.Server) -> None:
    server.close()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
