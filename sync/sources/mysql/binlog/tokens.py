"""A statement's words, names and symbols.

https://dev.mysql.com/doc/refman/8.4/en/language-structure.html. What stands in an executable comment
(`/*!80000 … */`, MariaDB's `/*M! … */`) counts, as it does for a server.
"""

from __future__ import annotations

import re
from typing import NamedTuple

TOKEN = re.compile(
    r"""
      (?P<blank> \s+ | /\*M?!\d* | \*/ | /\*(?!M?!).*?\*/ | \#[^\n]* | --(?=\s|$)[^\n]* )
    | `(?P<name> (?:[^`]|``)* )`
    | "(?P<double> (?:[^"\\]|""|\\.)* )"
    | (?P<string> '(?:[^'\\]|''|\\.)*' )
    | (?P<word> [\w$]+ )
    | (?P<symbol> . )
    """,
    re.VERBOSE | re.DOTALL,
)
BLANK, NAME, STRING, WORD, SYMBOL = "blank", "name", "string", "word", "symbol"


class Token(NamedTuple):
    kind: str
    text: str


def tokens(text: str, ansi_quotes: bool) -> Tokens:
    """`ansi_quotes`: "…" is a name and no string."""
    found = []
    for match in TOKEN.finditer(text):
        kind = str(match.lastgroup)
        if kind == NAME:
            found.append(Token(NAME, match[NAME].replace("``", "`")))
        elif kind == "double":
            found.append(Token(NAME if ansi_quotes else STRING, match["double"].replace('""', '"')))
        elif kind != BLANK:
            found.append(Token(kind, match[0]))
    return Tokens(found)


class Tokens:
    """A statement that is read from left to right."""

    def __init__(self, found: list[Token]) -> None:
        self._tokens = found
        self._next = 0

    def word(self) -> str | None:
        """The next word in capitals, "" for any other token, None at the end."""
        token = self._peek()
        if token is None:
            return None
        self._next += 1
        return token.text.upper() if token.kind == WORD else ""

    def back(self) -> None:
        self._next -= 1

    def skip(self, *words: str) -> bool:
        """Pass these words if they come next."""
        ahead = self._tokens[self._next : self._next + len(words)]
        if [token.text.upper() for token in ahead if token.kind == WORD] != list(words):
            return False
        self._next += len(words)
        return True

    def seek(self, word: str) -> bool:
        """Pass all up to a word and the word itself."""
        while (found := self.word()) is not None:
            if found == word:
                return True
        return False

    def seek_outside(self, word: str) -> bool:
        """As `seek`, but not for the word in parentheses."""
        depth = 0
        while (token := self._peek()) is not None:
            self._next += 1
            if token.kind == SYMBOL:
                depth += (token.text == "(") - (token.text == ")")
            if depth == 0 and token.kind == WORD and token.text.upper() == word:
                return True
        return False

    def symbol(self, symbol: str) -> bool:
        if self._peek() != Token(SYMBOL, symbol):
            return False
        self._next += 1
        return True

    def name(self, database: str) -> tuple[str, str] | None:
        """A table's name with its database, which is `database` where the statement does not say."""
        first = self._identifier()
        if first is None:
            return None
        if self.symbol("."):
            second = self._identifier()
            return None if second is None else (first, second)
        return database, first

    def ended(self) -> bool:
        return self._peek() in (None, Token(SYMBOL, ";"))

    def words(self) -> list[str]:
        """All words in capitals, and "" for any other token."""
        return [token.text.upper() if token.kind == WORD else "" for token in self._tokens]

    def _identifier(self) -> str | None:
        token = self._peek()
        if token is None or token.kind not in (WORD, NAME):
            return None
        self._next += 1
        return token.text

    def _peek(self) -> Token | None:
        return self._tokens[self._next] if self._next < len(self._tokens) else None
