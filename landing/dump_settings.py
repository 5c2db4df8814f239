"""The settings of its session that a dump may make."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pymysql.connections import Connection

from landing.dump_tokens import Refused, Tokens
from landing.sql_lexer import Token

_SCOPES = {"SESSION", "LOCAL"}
_SETTINGS = {
    *("AUTOCOMMIT", "CHARACTER_SET_CLIENT", "CHARACTER_SET_CONNECTION", "CHARACTER_SET_RESULTS"),
    *("COLLATION_CONNECTION", "EXPLICIT_DEFAULTS_FOR_TIMESTAMP", "FOREIGN_KEY_CHECKS", "IDLE_TIMEOUT"),
    *("INNODB_LOCK_WAIT_TIMEOUT", "LOCK_WAIT_TIMEOUT", "NET_READ_TIMEOUT", "NET_WRITE_TIMEOUT"),
    *("NOTE_VERBOSITY", "SQL_AUTO_IS_NULL", "SQL_BIG_SELECTS", "SQL_MODE", "SQL_NOTES"),
    *("SQL_QUOTE_SHOW_CREATE", "SQL_REQUIRE_PRIMARY_KEY", "SQL_SAFE_UPDATES", "SQL_WARNINGS", "TIME_ZONE"),
    *("UNIQUE_CHECKS", "WAIT_TIMEOUT"),
}
# Of the server, or of its log.
_OF_THE_SERVER = ("GLOBAL", "PERSIST", "SQL_LOG_BIN", "GTID_")
# Under these the same text has other strings and names in it.
_OTHER_WORDS = {"ANSI_QUOTES", "NO_BACKSLASH_ESCAPES"}
# In these a letter's second byte may be a quote's or a backslash's.
_OTHER_BYTES = {"big5", "cp932", "gb18030", "gbk", "sjis"}
_STRICT = "STRICT_ALL_TABLES"


def is_of_the_server(words: Iterable[Token]) -> bool:
    """Whether a SET speaks of the server that the dump came from."""
    texts = [token.text.decode("latin-1").upper() for token in words if token.kind in ("word", "variable")]
    return any(text.removeprefix("@@").startswith(_OF_THE_SERVER) or "SQL_LOG_BIN" in text for text in texts)


def set_session(tokens: Tokens) -> None:
    """Behind SET: the client's character set, listed settings of the session, and variables of the user's."""
    while True:
        if tokens.accept("NAMES") or tokens.accept("CHARSET") or tokens.accept("CHARACTER", "SET"):
            _value(tokens)
            if tokens.accept("COLLATE"):
                _value(tokens)
        else:
            _assignment(tokens)
        if not tokens.accept(","):
            break
    tokens.expect_end()


def _assignment(tokens: Tokens) -> None:
    tokens.accept_any(_SCOPES)
    token = tokens.next
    text = token.text.decode("latin-1").upper() if token else ""
    name = text.removeprefix("@@").removeprefix("SESSION.").removeprefix("LOCAL.")
    is_users = text.startswith("@") and not text.startswith("@@") and "." not in text
    if token is None or token.kind not in ("word", "variable") or not (is_users or name in _SETTINGS):
        tokens.refuse()
    tokens.take()
    if not tokens.accept_any(("=", ":=")):
        tokens.refuse()
    _value(tokens)


def _value(tokens: Tokens) -> None:
    """A literal, a word, or another variable; a literal may stand there in two strings."""
    tokens.accept_any(("+", "-"))
    if tokens.next is None or tokens.next.kind not in ("word", "name", "string", "number", "variable"):
        tokens.refuse()
    is_text = tokens.take().kind == "string"
    while is_text and tokens.next is not None and tokens.next.kind == "string":
        tokens.take()


def keep_strict(session: Connection[Any]) -> None:
    """Let the session refuse what does not fit a column, whatever the dump or the server has set; old dumps
    ask for a mode that cuts it. Raises `Refused` where the dump's text would be read in another way."""
    with session.cursor() as cursor:
        cursor.execute("SELECT @@sql_mode, @@character_set_client")
        mode, charset = (str(value) for value in cursor.fetchone() or ("", ""))
        if found := _OTHER_WORDS.intersection(mode.split(",")):
            raise Refused(f"it sets the SQL mode {found.pop()}; dump without --compatible")
        if charset in _OTHER_BYTES:
            raise Refused(f"it is written in {charset}; dump with --default-character-set=utf8mb4")
        if _STRICT not in mode.split(","):
            cursor.execute("SET SESSION sql_mode = %s", (f"{mode},{_STRICT}".lstrip(","),))


def begin_strict(session: Connection[Any]) -> None:
    """Begin a session that reads SQL as dumps are written, whatever the server's own mode."""
    with session.cursor() as cursor:
        cursor.execute("SELECT @@sql_mode")
        modes = str((cursor.fetchone() or ("",))[0]).split(",")
        kept = [mode for mode in modes if mode and mode not in {*_OTHER_WORDS, _STRICT}]
        cursor.execute("SET SESSION sql_mode = %s", (",".join([*kept, _STRICT]),))
