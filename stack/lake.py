"""Where the lake is: on the disk, or with ``LAKE=s3`` and ``LAKE=hdfs`` on servers of ours, or at the user's
own SOFTCART_LAKE."""

from __future__ import annotations

from collections.abc import Mapping

from stack import hdfs
from stack.home import Home, StackError
from stack.ports import Ports
from stack.s3 import BUCKET, S3
from stack.server import Server

VARIABLE = "SOFTCART_LAKE"
KINDS: dict[str, tuple[type[Server], ...]] = {"disk": (), "s3": (S3,), "hdfs": hdfs.SERVERS}
KEYS = {"AWS_ACCESS_KEY_ID": "softcart", "AWS_SECRET_ACCESS_KEY": "softcart", "AWS_REGION": "us-east-1"}


def all_servers(home: Home) -> list[Server]:
    return [server(home) for servers in KINDS.values() for server in servers]


def kind(environment: Mapping[str, str]) -> str:
    """``disk``, ``s3`` or ``hdfs``.

    Raises:
        StackError: LAKE names none of them.
    """
    wanted = environment.get("LAKE") or "disk"
    if wanted not in KINDS:
        raise StackError(
            f"LAKE is {wanted!r}: give {', '.join(KINDS)}, or set {VARIABLE} to a lake of your own"
        )
    return wanted


def wanted_servers(home: Home, environment: Mapping[str, str]) -> set[str]:
    """The names of the servers that the lake needs."""
    if _own(home, environment):
        return set()
    return {server.name for server in KINDS[kind(environment)]}


def variables(home: Home, ports: Ports, environment: Mapping[str, str]) -> dict[str, str]:
    """What tells a process where the lake is."""
    if own := _own(home, environment):
        return {VARIABLE: own}
    wanted = kind(environment)
    if wanted == "s3":
        endpoint = f"http://127.0.0.1:{ports.wanted()['s3']}"
        return {VARIABLE: f"s3://{BUCKET}/lake", "AWS_ENDPOINT_URL": endpoint, **KEYS, "LAKE": wanted}
    if wanted == "hdfs":
        conf = str(hdfs.configuration(home))
        return {
            VARIABLE: f"hdfs://127.0.0.1:{ports.wanted()['hdfs']}/lake",
            "HADOOP_CONF_DIR": conf,
            "LAKE": wanted,
        }
    return {VARIABLE: str(home.root / "lake")}


def _own(home: Home, environment: Mapping[str, str]) -> str | None:
    """The user's own lake, as opposed to ours that ``make env`` left in a shell."""
    named = environment.get(VARIABLE)
    is_ours = named == str(home.root / "lake") or bool(environment.get("LAKE"))
    return None if not named or is_ours else named
