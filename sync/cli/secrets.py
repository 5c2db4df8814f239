"""Passwords given to this process, so that they can be kept out of whatever it prints.

No message is made with one; this is for what a driver or a server may say. A short or ordinary password is
found in table names, keys and counts, too: to blot it out there would spoil the message, and tell it.
"""

from __future__ import annotations

import re

import click

_KEY = "sync.passwords"
# What is as long as that, or mixes letters with others, is no word that a message has for another reason.
LONG, MIXED = 16, 8


def remember(*passwords: str) -> None:
    """Keep these out of what `hide` returns from now on in this command."""
    click.get_current_context().meta.setdefault(_KEY, set()).update(filter(None, passwords))


def hide(text: str) -> str:
    """`text` with three asterisks for each password, the longest first: where a password stands, as in a URL,
    and everywhere if it cannot be anything else."""
    known: set[str] = click.get_current_context().meta.get(_KEY, set())
    for password in sorted(known, key=len, reverse=True):
        written = re.escape(password)
        text = re.sub(rf"(://[^\s/@]*:){written}(?=@)", r"\1***", text)
        text = re.sub(rf"((?i:passw\w*|pwd)['\"]?\s*[=:]\s*b?['\"]?){written}(?!\w)", r"\1***", text)
        if _is_unmistakable(password):
            text = re.sub(rf"(?<!\w){written}(?!\w)", "***", text)
    return text


def _is_unmistakable(password: str) -> bool:
    mixed = re.search("[A-Za-z]", password) and re.search("[^A-Za-z]", password)
    return len(password) >= LONG or (len(password) >= MIXED and mixed is not None)
