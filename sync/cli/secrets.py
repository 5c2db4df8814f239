"""Passwords given to this process, so that they can be kept out of whatever it prints."""

from __future__ import annotations

import click

_KEY = "sync.passwords"


def remember(*passwords: str) -> None:
    """Keep these out of what `hide` returns from now on in this command."""
    click.get_current_context().meta.setdefault(_KEY, set()).update(filter(None, passwords))


def hide(text: str) -> str:
    """`text` with three asterisks for each password, the longest first."""
    known: set[str] = click.get_current_context().meta.get(_KEY, set())
    for password in sorted(known, key=len, reverse=True):
        text = text.replace(password, "***")
    return text
