"""PyMySQL's connection as this package opens it. A module of its own, so that a pass that has no use for
MySQL does not load its driver."""

from __future__ import annotations

import ssl
from functools import cache
from typing import Any

import pymysql


class MySQLConnection(pymysql.Connection):
    """One that waits `connect_timeout` seconds for the greeting too, which something else than a MySQL server
    may never send.

    Where TLS is used if the server has it, and nothing is verified, PyMySQL yet reads all certificates of the
    system for every connection, which takes longer than a pass with nothing to do.
    """

    def connect(self, sock: Any = None) -> None:
        wanted: float | None = self._read_timeout  # type: ignore[has-type]
        self._read_timeout = wanted or self.connect_timeout
        try:
            super().connect(sock)
        finally:
            self._read_timeout = wanted

    def _create_ssl_ctx(self, options: dict[str, Any]) -> ssl.SSLContext:
        if not options:
            return _unverified()
        context: ssl.SSLContext = super()._create_ssl_ctx(options)  # type: ignore[misc]
        return context


@cache
def _unverified() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context
