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


@contextmanager
def served_redshift(
    stack: Cluster, urls: Mapping[str, str], proxy_class: type[Proxy] = Proxy
) -> Iterator[str]:
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
        with _proxied(stack, urls, proxy_class(ports["postgres"], s3)) as url:
            yield url


@contextmanager
def _proxied(stack: Cluster, urls: Mapping[str, str], proxy: Proxy) -> Iterator[str]:
    with fresh_database(stack, urls["SOFTCART_PRODUCTION_URL"]) as url, serving(proxy) as port:
        with closing(connect_postgresql(url)) as connection:
            prepare(connection)
        parts = urlsplit(url)
        yield f"redshift+psycopg2://{parts.username}:{parts.password}@127.0.0.1:{port}{parts.path}"


@contextmanager
def serving(proxy: Proxy) -> Iterator[int]:
    """Serve in a thread; yields the port."""
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(proxy.serve(0))
    thread = Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        server.close()
