"""The words of MySQL's SQL as a dump has them: cut the same way here as the server cuts them.

Nothing else reads a dump's text. What is sent to a server is put together again from these tokens, without
the comments, so that a text which the server would cut otherwise never reaches it:
https://dev.mysql.com/doc/refman/8.4/en/language-structure.html
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

_LETTER = rb"[0-9A-Za-z_$\x80-\xff]"
STRING = rb"(?:[xXbBnN](?='))?'(?:[^'\\]++|\\.|'')*+'|\"(?:[^\"\\]++|\\.|\"\")*+\""
NAME = rb"`(?:[^`]++|``)*+`"
_LINE_COMMENT = rb"--(?:[\x00-\x20]|\Z)(?:(?<=\n)|[^\n]*+)|\#[^\n]*+"
# `/*!50003 … */` is a part of the statement for servers from 5.0.3 on. Dumps of MariaDB begin with one for
# 99.99.99, which speaks to its client alone.
COMMENT = _LINE_COMMENT + rb"|/\*(?!M?!(?!999999)).*?\*/"
PLAIN_COMMENT = _LINE_COMMENT + rb"|/\*(?!M?!).*?\*/"
NUMBER = (
    rb"(?:0x[0-9A-Fa-f]++|0b[01]++|[0-9]++(?:\.[0-9]*+)?(?:[eE][+-]?[0-9]++)?"
    rb"|(?<![0-9A-Za-z_$\x80-\xff`\"])\.[0-9]++(?:[eE][+-]?[0-9]++)?)(?!" + _LETTER + rb")"
)
# The longest text that has to be seen ahead to tell what a token is: `/*M!999999`.
LOOK_AHEAD = 16

TOKEN = re.compile(
    rb"\s*+(?:"
    rb"(?P<comment>" + COMMENT + rb")|(?P<opening>/\*M?!\d*+)|(?P<closing>\*/)"
    rb"|(?P<string>" + STRING + rb")|(?P<name>" + NAME + rb")"
    rb"|(?P<variable>@@?[0-9A-Za-z_$.\x80-\xff]++)|(?P<number>" + NUMBER + rb")"
    rb"|(?P<word>" + _LETTER + rb"++)|(?P<end>;)|(?P<open>['\"`]|/\*)|(?P<sign>:=|\S))",
    re.DOTALL,
)


class Token(NamedTuple):
    """One token. `kind` is the name of its group in `TOKEN`; `apart`: a blank or a comment stands before."""

    kind: str
    text: bytes
    apart: bool

    @property
    def word(self) -> str:
        """A keyword or an unquoted name in capitals, a sign as it is; nothing for what is quoted."""
        return self.text.decode("latin-1").upper() if self.kind in ("word", "sign") else ""

    @property
    def is_name(self) -> bool:
        return self.kind in ("word", "name")

    @property
    def is_condition(self) -> bool:
        """Whether it opens or closes what is for some servers only."""
        return self.kind in ("opening", "closing")


def joined(tokens: Iterable[Token]) -> bytes:
    """The text of these tokens."""
    return b"".join(b" " * token.apart + token.text for token in tokens).strip()
