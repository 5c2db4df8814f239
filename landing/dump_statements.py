"""Cut an SQL dump into statements, and tell which of them a restore runs.

A dump of tables is all that is taken: statements that make, fill or alter tables, and the session settings
that they need. What speaks of the server that the dump came from is passed over; everything else is refused
by name, and so is a table of another database.
"""

from __future__ import annotations

import mmap
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from landing.result import LandingError

UTF8_MARK = b"\xef\xbb\xbf"
ROWS_HEAD_BYTES = 4000

_STRING = rb"'(?:[^'\\]++|\\.|'')*+'|\"(?:[^\"\\]++|\\.|\"\")*+\""
_NAME = rb"`(?:[^`]++|``)*+`"
# `/*!50003 … */` is a part of the statement for servers from 5.0.3 on. Dumps
# of MariaDB begin with one for 99.99.99, which speaks to its client alone.
_CONDITIONAL = rb"/\*M?!(?!999999)\d*+.*?\*/"
_COMMENT = rb"--(?=\s|\Z)[^\n]*+|\#[^\n]*+|/\*(?!M?!(?!999999)).*?\*/"
_TOKEN = re.compile(
    rb"(?P<part>" + _STRING + rb"|" + _NAME + rb"|" + _CONDITIONAL + rb")"
    rb"|(?P<comment>" + _COMMENT + rb")|(?P<end>;)|(?P<open>['\"`]|/\*)",
    re.DOTALL,
)
LITERAL = re.compile(rb"(?P<string>" + _STRING + rb")|(?P<name>" + _NAME + rb")|" + _COMMENT, re.DOTALL)
_CONDITION = re.compile(rb"/\*M?!\d*|\*/")
_ROWS = re.compile(r"(?:INSERT|REPLACE)\b", re.IGNORECASE)
_SETTING = re.compile(r"SET\b", re.IGNORECASE)
_RUN = re.compile(
    r"(?:CREATE TABLE|DROP TABLE|ALTER TABLE|CREATE (?:UNIQUE |FULLTEXT |SPATIAL )?INDEX|INSERT|REPLACE"
    r"|START TRANSACTION|BEGIN|COMMIT|SET (?!PASSWORD|ROLE|DEFAULT|STATEMENT))\b|SET @",
    re.IGNORECASE,
)
_PASSED_OVER = re.compile(
    r"(?:LOCK TABLES|UNLOCK TABLES|USE|(?:CREATE|DROP) (?:DATABASE|SCHEMA))\b"
    r"|SET\b.*(?:\b(?:GLOBAL|PERSIST|PERSIST_ONLY|SQL_LOG_BIN)\b|\bGTID_)|\Z",
    re.IGNORECASE,
)
_USE = re.compile(rb"USE\s+`?((?:[^`\s]|``)+)", re.IGNORECASE)
# With quotes, since `"a"."b"` is two names in SQL_MODE ANSI_QUOTES.
_QUALIFIED = re.compile(r"(?:[`']|\b[A-Za-z_]\w*)\s*\.\s*[`'A-Za-z_]")


class Statement(NamedTuple):
    """A statement without its semicolon, and the number of its first line."""

    line: int
    sql: bytes

    @property
    def is_rows(self) -> bool:
        return bool(_ROWS.match(self.bare))

    @property
    def is_setting(self) -> bool:
        return bool(_SETTING.match(self.bare))

    @property
    def bare(self) -> str:
        """Its words, to tell what it is: strings are empty, names are `` `x` ``, blanks are single, and
        what is for some servers only stands there as for all. Of one with rows, the part before them."""
        text = _bare(self.sql[:ROWS_HEAD_BYTES])
        if _ROWS.match(text):
            return re.split(r"\bVALUES?\b", text, maxsplit=1, flags=re.IGNORECASE)[0]
        return text if len(self.sql) <= ROWS_HEAD_BYTES else _bare(self.sql)

    @property
    def shown(self) -> str:
        """How it begins, for messages."""
        return " ".join(self.sql[:200].decode("utf-8", "replace").split())[:80]


def _bare(sql: bytes) -> str:
    text = _CONDITION.sub(b" ", LITERAL.sub(_blanked, sql))
    return " ".join(text.decode("latin-1").split())


def _blanked(match: re.Match[bytes]) -> bytes:
    if match["string"]:
        return b"''"
    return b"`x`" if match["name"] else b" "


def statements_to_run(path: Path) -> Iterator[Statement]:
    """The statements of a dump that restore its tables, in order.

    Raises `LandingError`, which names the line and the statement, for one that does something else, and for a
    dump of more than one database.
    """
    databases: set[bytes] = set()
    for statement in read_statements(path):
        where = f"{path.name}: line {statement.line}: {statement.shown!r}"
        if use := _USE.match(statement.sql):
            databases.add(use[1])
            if len(databases) > 1:
                raise LandingError(f"{where}: it holds more than one database; dump the one to land alone")
        bare = statement.bare
        if _PASSED_OVER.match(bare):
            continue
        if not _RUN.match(bare):
            raise LandingError(
                f"{where}: only tables and their rows are restored; dump them alone, without views, triggers,"
                " routines, events and users (mysqldump --skip-triggers with the tables' names)"
            )
        if not statement.is_setting and _QUALIFIED.search(bare):
            raise LandingError(f"{where}: it names the database of a table; dump without qualified names")
        yield statement


def read_statements(path: Path) -> Iterator[Statement]:
    """All statements of a dump. The file is mapped, not read: memory holds one statement at a time.

    Raises `LandingError` for a string or a comment that does not end.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
        start = len(UTF8_MARK) if text[: len(UTF8_MARK)] == UTF8_MARK else 0
        line = 1
        for token in _TOKEN.finditer(text, start):
            if token["part"]:
                continue
            before = text[start : token.start()]
            if token["open"]:
                line += before.count(b"\n")
                raise LandingError(f"{path.name}: line {line}: a quote or comment is opened and not closed")
            if token["end"]:
                yield Statement(line + _leading_lines(before), before.strip())
            elif before.strip():
                continue
            line += text[start : token.end()].count(b"\n")
            start = token.end()
        rest = text[start:]
        yield Statement(line + _leading_lines(rest), rest.strip())


def _leading_lines(text: bytes) -> int:
    return text[: len(text) - len(text.lstrip())].count(b"\n")
