"""What is no server, or answers like none."""

import socket

import pytest

from sync.connections import connect_mysql
from sync.errors import TransientError


def test_a_port_that_takes_connections_and_never_greets_is_not_waited_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"mysql://u:secret@127.0.0.1:{silent.getsockname()[1]}/shop?connect_timeout=1"
        with pytest.raises(TransientError, match=r"127\.0\.0\.1.*timed out") as refused:
            connect_mysql(url)
    assert "secret" not in str(refused.value)
