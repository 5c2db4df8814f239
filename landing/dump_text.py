"""Cut the text of an SQL dump into statements. The file is read in parts: memory holds one statement, and a
file that shrinks meanwhile is a file that ends."""

from __future__ import annotations

import re
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path
from typing import NamedTuple

from landing.landing_file import opened
from landing.result import LandingError
from landing.sql_lexer import LOOK_AHEAD, NUMBER, PLAIN_COMMENT, STRING, TOKEN, Token, joined

UTF8_MARK = b"\xef\xbb\xbf"
BYTES_AT_ONCE = 1 << 20
# No server takes a longer one: https://dev.mysql.com/doc/refman/8.4/en/packet-too-large.html
LONGEST_STATEMENT = 1 << 30
SHOWN_BYTES = 200
SHOWN_CHARACTERS = 80

_ROWS_WORDS = ("INSERT", "REPLACE")
_FUNCTIONS = rb"(?:ST_)?GeomFrom(?:Text|WKB)|NOW|CURRENT_TIMESTAMP|CURRENT_DATE|CURDATE|UUID"
# What dumps write behind VALUES: literals, and the few functions that stand for one.
_ROWS = re.compile(
    rb"(?:[\s(),+-]|" + PLAIN_COMMENT + rb"|" + STRING + rb"|" + NUMBER + rb"|(?:(?i:NULL|TRUE|FALSE|DEFAULT"
    rb"|DATE|TIME|TIMESTAMP|_[a-z0-9]+|" + _FUNCTIONS + rb")(?![0-9A-Za-z_$\x80-\xff])))*+",
    re.DOTALL,
)


class Statement(NamedTuple):
    """A statement: the number of its first line, its tokens without comments, how it begins for messages.

    Of one with rows, the tokens end with VALUES; `rows` is the text behind it, which holds only literals.
    """

    line: int
    tokens: tuple[Token, ...]
    shown: str
    rows: bytes = b""

    @property
    def words(self) -> tuple[Token, ...]:
        """The tokens as for all servers."""
        return tuple(token for token in self.tokens if not token.is_condition)

    @property
    def sql(self) -> bytes:
        """What a server is sent."""
        return joined(self.tokens) + self.rows

    @property
    def is_setting(self) -> bool:
        return self.words[0].word == "SET"


class _NeedsMore(Exception):
    """The text that was read ends inside of a token."""


def read_statements(path: Path) -> Iterator[Statement]:
    """All statements of a dump.

    Raises `LandingError`, with the line, for a string or a comment that does not end, and for rows that hold
    something else than values.
    """
    with opened(path) as file:
        yield from _Text(path, file).statements()


class _Text:
    """The part of the file that was read and not yet handed on."""

    def __init__(self, path: Path, file: BufferedReader) -> None:
        self._name = path.name
        self._file = file
        self._text = file.read(BYTES_AT_ONCE).removeprefix(UTF8_MARK)
        self._place = 0
        self._line = 1
        self._is_all = False

    def statements(self) -> Iterator[Statement]:
        while True:
            try:
                statement, end = self._next()
            except _NeedsMore:
                self._read_on()
                continue
            if statement.tokens:
                yield statement
            self._line += self._text.count(b"\n", self._place, end)
            self._place = end
            if self._is_all and end == len(self._text):
                return

    def _read_on(self) -> None:
        """Read as much again as there is, so that a long statement is not looked at too often."""
        rest = self._text[self._place :]
        if len(rest) > LONGEST_STATEMENT:
            raise LandingError(
                f"{self._name}: line {self._line}: a statement of more than {LONGEST_STATEMENT:,} bytes"
                " begins here; is a quote opened and not closed?"
            )
        more = self._file.read(max(BYTES_AT_ONCE, len(rest)))
        self._is_all = not more
        self._text, self._place = rest + more, 0

    def _next(self) -> tuple[Statement, int]:
        """The statement that begins at the place, and where it ends."""
        tokens: list[Token] = []
        place = begin = self._place
        apart = inside = False
        while match := TOKEN.match(self._text, place):
            kind = match.lastgroup or ""
            if not self._is_all and match.end() > len(self._text) - LOOK_AHEAD:
                raise _NeedsMore
            if kind == "open":
                self._refuse_open(match.start(kind))
            token = Token(kind, match[kind], apart or match.start(kind) > place)
            place, apart = match.end(), kind == "comment"
            if kind == "comment":
                continue
            if kind == "end" and not inside:
                return self._statement(tokens, begin), place
            begin = begin if tokens else match.start(kind)
            inside = self._condition(token, inside, begin)
            tokens.append(token)
            if token.word in ("VALUES", "VALUE") and _has_rows(tokens):
                end = self._end_of_rows(begin, place)
                rows = self._text[place:end]
                return self._statement(tokens, begin, rows), min(end + 1, len(self._text))
        if not self._is_all:
            raise _NeedsMore
        return self._statement(tokens, begin), len(self._text)

    def _statement(self, tokens: list[Token], begin: int, rows: bytes = b"") -> Statement:
        line = self._line + self._text.count(b"\n", self._place, begin)
        return Statement(line, tuple(tokens), self._shown(begin), rows)

    def _shown(self, place: int) -> str:
        text = self._text[place : place + SHOWN_BYTES].partition(b";")[0].decode("utf-8", "replace")
        return " ".join(text.split())[:SHOWN_CHARACTERS]

    def _end_of_rows(self, begin: int, place: int) -> int:
        match = _ROWS.match(self._text, place)
        end = match.end() if match else place
        if not self._is_all and end > len(self._text) - LOOK_AHEAD:
            raise _NeedsMore
        if end < len(self._text) and self._text[end : end + 1] != b";":
            if self._text[end : end + 1] in (b"'", b'"') or self._text[end : end + 2] == b"/*":
                self._refuse_open(end)
            self._refuse(end, f"{self._shown(begin)!r}: {self._shown(end)!r} is no value of a row")
        return end

    def _condition(self, token: Token, inside: bool, begin: int) -> bool:
        """Whether what follows is for some servers only. A server that skips it looks for its end alone."""
        if inside and (token.kind == "opening" or (token.kind != "closing" and b"*/" in token.text)):
            self._refuse(
                begin, f"{self._shown(begin)!r}: what is for some servers only holds a comment itself"
            )
        return token.kind == "opening" or (inside and token.kind != "closing")

    def _refuse_open(self, place: int) -> None:
        if not self._is_all:
            raise _NeedsMore
        self._refuse(place, "a quote or comment is opened and not closed")

    def _refuse(self, place: int, reason: str) -> None:
        line = self._line + self._text.count(b"\n", self._place, place)
        raise LandingError(f"{self._name}: line {line}: {reason}")


def _has_rows(tokens: list[Token]) -> bool:
    """Whether the statement whose tokens end with VALUES is one with rows, and so ends its head there."""
    words = [token.word for token in tokens if not token.is_condition]
    return words[0] in _ROWS_WORDS and words.count("(") == words.count(")")
