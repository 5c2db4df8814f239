"""The encoding of a PostgreSQL database, where its server cannot turn all of its text into UTF-8.

An encoding of one byte a character may have bytes that are no character, as 0x81 in WIN1252. The server
stores them, and ends a whole COPY that would have to convert one. So the rows of such a database come as
they are stored, and become UTF-8 here, by the server's own table. In SQL_ASCII, where no encoding is known,
text is taken for UTF-8.
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass

from sync.connections import psycopg
from sync.connections.psycopg import Connection, sql

UNKNOWN = "SQL_ASCII"
NO_CHARACTER = "\ufffe"  # what Python's character maps have for it
UPPER_HALF = range(0x80, 0x100)


def _show(error: UnicodeError) -> tuple[str, int]:
    r"""Let a byte that is no text show as `\x81`, escaped as COPY text has it."""
    assert isinstance(error, UnicodeDecodeError)
    return "".join(rf"\\x{byte:02x}" for byte in error.object[error.start : error.end]), error.end


codecs.register_error(SHOWN := "softcart.shown", _show)


@dataclass(frozen=True)
class Encoding:
    """How text comes. `characters` are those of all bytes where rows come as they are stored; None where the
    server converts them, or has nothing to convert them by."""

    name: str
    characters: str | None = None

    @property
    def copy_option(self) -> sql.Composable:
        """What makes COPY send the rows in this form."""
        if self.characters is None:
            return sql.SQL("")
        return sql.SQL(" WITH (ENCODING {})").format(sql.Literal(self.name))

    def decode(self, text: bytes) -> bytes | None:
        """UTF-8 for what COPY sent; None where a part of it is no text."""
        if self.name != UNKNOWN and self.characters is None:
            return text
        try:
            return self._read(text, "strict").encode()
        except UnicodeDecodeError:
            return None

    def shown(self, field: bytes) -> bytes:
        """A field of COPY text that cannot be decoded, for a reader."""
        return self._read(field, SHOWN).encode()

    def _read(self, text: bytes, errors: str) -> str:
        if self.characters is None:
            return text.decode(errors=errors)
        return codecs.charmap_decode(text, errors, self.characters)[0]  # type: ignore[arg-type]

    def bytes_of(self, value: sql.Composable) -> sql.Composed:
        """SQL for the bytes of a text, in UTF-8 as far as it has such a form."""
        stored = sql.SQL("convert_to({}::text, {})").format(value, sql.Literal(self.name))
        if self.name == UNKNOWN:
            return stored
        unicode = sql.SQL("convert_to({}::text, 'UTF8')").format(value)
        if self.characters is None:
            return unicode
        holes = sql.SQL(" || ").join(
            sql.SQL("chr({})").format(sql.Literal(byte))
            for byte in UPPER_HALF
            if self.characters[byte] == NO_CHARACTER
        )
        whole = sql.SQL("translate({0}::text, {1}, '') = {0}::text").format(value, holes)
        return sql.SQL("CASE WHEN {} THEN {} ELSE {} END").format(whole, unicode, stored)


def read_encoding(connection: Connection) -> Encoding:
    """The database's encoding; the connection is in autocommit mode."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT getdatabaseencoding(), pg_encoding_max_length(pg_char_to_encoding(getdatabaseencoding()))"
        )
        row = cursor.fetchone()
        assert row is not None
        name, longest = str(row[0]), row[1]
        if longest > 1 or name == UNKNOWN:
            return Encoding(name)
        characters = "".join(map(chr, range(UPPER_HALF.start)))
        for byte in UPPER_HALF:
            try:
                cursor.execute("SELECT convert_from(convert(%s, %s, 'UTF8'), 'UTF8')", (bytes([byte]), name))
                characters += "".join(*cursor.fetchall())
            except psycopg.errors.UntranslatableCharacter:
                characters += NO_CHARACTER
    return Encoding(name, characters if NO_CHARACTER in characters else None)
