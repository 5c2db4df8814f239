"""The nearest collation that a server knows: MySQL 8's `utf8mb4_0900_ai_ci` is unknown to MariaDB 10, and
MariaDB's `utf8mb4_uca1400_ai_ci` to MySQL."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

from pymysql.connections import Connection

from landing.sql_lexer import COMMENT, NAME, STRING

_LITERAL = re.compile(STRING + rb"|" + NAME + rb"|" + COMMENT, re.DOTALL)
_NAME = re.compile(rb"\b[a-z][a-z0-9]*(?:_[a-z0-9]+)+\b", re.IGNORECASE)
_SENSITIVITY = {"ai", "as", "ci", "cs", "ks", "bin", "nopad"}
# Versions of the Unicode collation algorithm, oldest first.
_ALGORITHMS = ("general", "unicode", "520", "0900", "uca1400")
_SAME_CHARSETS = {"utf8": "utf8mb3"}


@dataclass(frozen=True)
class Collation:
    """What a collation's name says of it:
    https://dev.mysql.com/doc/refman/8.4/en/charset-collation-names.html,
    https://mariadb.com/kb/en/supported-character-sets-and-collations/"""

    name: str

    @property
    def charset(self) -> str:
        charset = self.name.partition("_")[0]
        return _SAME_CHARSETS.get(charset, charset)

    @property
    def words(self) -> set[str]:
        return set(self.name.split("_")[1:])

    @property
    def case(self) -> str:
        return next((word for word in ("bin", "cs", "ci") if word in self.words), "")

    @property
    def accents(self) -> str:
        """Names without a word for accents ignore them with `ci`, and tell them apart otherwise."""
        return next(
            (word for word in ("ai", "as") if word in self.words), "ai" if self.case == "ci" else "as"
        )

    @property
    def pads(self) -> bool:
        """Whether blanks at the end do not count: in all but 0900 and `nopad`."""
        return not self.words & {"0900", "nopad"}

    @property
    def language(self) -> set[str]:
        return self.words - _SENSITIVITY - set(_ALGORITHMS)

    @property
    def algorithm(self) -> int:
        return max((_ALGORITHMS.index(word) for word in self.words & set(_ALGORITHMS)), default=-1)

    def distance(self, other: Collation) -> tuple[bool, bool, int, bool, int, str]:
        """What differs, the gravest first: what counts as equal, then how it is ordered."""
        return (
            self.case != other.case,
            self.accents != other.accents,
            len(self.language ^ other.language),
            self.pads != other.pads,
            abs(self.algorithm - other.algorithm),
            other.name,
        )


def known_collations(connection: Connection[Any]) -> frozenset[str]:
    """The full names of the collations that the server knows. Newer MariaDB lists some for many character
    sets at once, with the whole name in a column that MySQL does not have."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM information_schema.collation_character_set_applicability LIMIT 0")
        columns = [str(column[0]).lower() for column in cursor.description]
        name = "full_collation_name" if "full_collation_name" in columns else "collation_name"
        cursor.execute(f"SELECT {name} FROM information_schema.collation_character_set_applicability")
        return frozenset(str(row[0]) for row in cursor)


@cache
def nearest(name: str, known: frozenset[str]) -> str:
    """The nearest known collation of the same character set, or the name itself if there is none."""
    wanted = Collation(name.lower())
    candidates = [other for text in known if (other := Collation(text)).charset == wanted.charset]
    return min(candidates, key=wanted.distance).name if candidates else name


def replace_unknown(sql: bytes, known: frozenset[str]) -> bytes:
    """A statement with each unknown collation replaced; strings and quoted names stay."""
    parts = []
    place = 0
    for literal in _LITERAL.finditer(sql):
        parts += [_replaced(sql[place : literal.start()], known), literal[0]]
        place = literal.end()
    return b"".join([*parts, _replaced(sql[place:], known)])


def _replaced(text: bytes, known: frozenset[str]) -> bytes:
    def replacement(match: re.Match[bytes]) -> bytes:
        name = match[0].decode("ascii").lower()
        collation = Collation(name)
        is_one = bool(collation.case) and collation.charset in _charsets(known)
        return nearest(name, known).encode() if is_one and name not in known else match[0]

    return _NAME.sub(replacement, text)


@cache
def _charsets(known: Iterable[str]) -> frozenset[str]:
    return frozenset(Collation(name).charset for name in known)
