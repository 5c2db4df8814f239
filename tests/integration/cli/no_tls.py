"""A MySQL server that offers no TLS, whatever the one behind it does: MariaDB 11.4 and later offer it."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

CLIENT_SSL = 0x0800  # of the capabilities in the server's greeting


@contextmanager
def without_tls(port: int) -> Iterator[int]:
    """A port that greets a client as the server at `port` would without its offer of TLS, and hangs up then.

    https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_connection_phase_packets_protocol_handshake_v10.html
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        Thread(target=_greet, args=(listener, port), daemon=True).start()
        yield int(listener.getsockname()[1])


def _greet(listener: socket.socket, port: int) -> None:
    client, _ = listener.accept()
    with client, socket.create_connection(("127.0.0.1", port)) as server:
        greeting = bytearray(server.recv(4096))
        version_end = greeting.index(0, 5)  # behind the packet's header and the protocol's version
        capabilities = version_end + 1 + 4 + 8 + 1  # behind the connection's number and the first scramble
        flags = int.from_bytes(greeting[capabilities : capabilities + 2], "little") & ~CLIENT_SSL
        greeting[capabilities : capabilities + 2] = flags.to_bytes(2, "little")
        client.sendall(greeting)
        client.recv(1)
