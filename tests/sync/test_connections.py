"""What is no server, or answers like none."""

import socket
from pathlib import Path

import pytest
from pymongo.errors import BulkWriteError, ServerSelectionTimeoutError

from sync.connections.mongodb import mongodb_errors
from sync.connections.mysql import connect_mysql, mysql_errors
from sync.errors import SyncError, TransientError


def test_a_port_that_takes_connections_and_never_greets_is_not_waited_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"mysql://u:secret@127.0.0.1:{silent.getsockname()[1]}/shop?connect_timeout=1"
        with pytest.raises(TransientError, match=r"127\.0\.0\.1.*timed out") as refused:
            connect_mysql(url)
    assert "secret" not in str(refused.value)


VERIFY = "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: "


@pytest.mark.parametrize(
    ("said", "way_out"),
    [
        (
            "IP address mismatch, certificate is not valid for '127.0.0.1'",
            "as the certificate does.*verify_ca",
        ),
        ("Hostname mismatch, certificate is not valid for 'h'", "as the certificate does.*verify_ca"),
        ("self-signed certificate in certificate chain", "name its CA's certificate with ssl_ca"),
    ],
)
def test_a_certificate_of_another_host_is_told_from_one_of_an_unknown_authority(
    said: str, way_out: str
) -> None:
    with pytest.raises(SyncError, match=way_out), mysql_errors("h"):
        raise OSError(1, VERIFY + said)
    with (
        pytest.raises(
            SyncError, match=way_out.replace("verify_ca", "tlsAllow").replace("ssl_ca", "tlsCAFile")
        ),
        mongodb_errors("h"),
    ):
        raise ServerSelectionTimeoutError(VERIFY + said)


def test_a_file_that_is_gone_is_not_taken_for_one_of_tls(tmp_path: Path) -> None:
    with pytest.raises(SyncError, match=r"gone\.csv: No such file or directory$"), mysql_errors("h"):
        (tmp_path / "gone.csv").read_text()


def test_a_write_in_bulk_that_a_full_cache_ends_is_worth_another_try_and_shows_no_document() -> None:
    refused = {"index": 0, "code": 388, "errmsg": "will not fit in the cache", "op": {"note": "private"}}
    way_out = r"will not fit.*raise wiredTigerCacheSizeGB"
    with pytest.raises(TransientError, match=way_out) as told, mongodb_errors("h"):
        raise BulkWriteError({"writeErrors": [refused]})
    assert "private" not in str(told.value)
