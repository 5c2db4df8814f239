"""The tools that people use for the same job, each installed into an environment of its own.

Their pins are in the text files here. The folders are `SOFTCART_HOME/peers/<name>`; the project's own
environment never sees them.
"""

from __future__ import annotations

from pathlib import Path

from stack.tools import Tool, ToolMissing

PINS = Path(__file__).parent
BY_DEFAULT = ("dlt", "ingestr")
ON_REQUEST = ("sling",)


class PeerMissing(RuntimeError):
    """A peer cannot be had here; the message says why."""


def pins(peer: str) -> str:
    """What is installed for a peer, on one line."""
    return ", ".join((PINS / f"{peer}.txt").read_text().split())


def install(peer: str, home: Path) -> None:
    """Make a peer's environment unless it is there, with these pins.

    Raises `PeerMissing`.
    """
    try:
        Tool(PINS / f"{peer}.txt", home / "peers" / peer).install()
    except ToolMissing as error:
        raise PeerMissing(str(error)) from error
