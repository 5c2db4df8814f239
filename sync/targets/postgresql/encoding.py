"""Texts of ours in a database whose encoding does not have all letters."""

from __future__ import annotations

from sync.connections.psycopg import Connection, encodings


def storable(connection: Connection, text: str) -> str:
    """A description, with the letters escaped that the database's encoding lacks: it must not keep rows from
    their table."""
    encoding = connection.info.parameter_status("server_encoding") or "UTF8"
    if text.isascii() or encoding in {"UTF8", "SQL_ASCII"}:  # which takes all bytes
        return text
    known = encodings.get(encoding, "ascii")
    return text.encode(known, "backslashreplace").decode(known)
