"""What a statement in the log did to tables.

With binlog_format=ROW the statements in the log are those that change tables without naming rows: DDL and
TRUNCATE. They are read as far as their tables' names. One that writes rows was logged by a session in another
format. Whatever tables and database it names, triggers, views and functions may have led it to others, so it
is for the caller to mistrust, as is all that is not understood.
https://dev.mysql.com/doc/refman/8.4/en/sql-data-definition-statements.html,
https://mariadb.com/kb/en/data-definition/, https://mariadb.com/kb/en/set-statement/,
https://mariadb.com/kb/en/analyze-statement/.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from sync.sources.mysql.binlog.queries import Query
from sync.sources.mysql.binlog.tokens import Tokens, tokens


class Kind(StrEnum):
    """What became of a table."""

    TRUNCATED = "truncated"  # rows are gone that no row event names; also those of a partition
    DROPPED = "dropped"  # also with its database
    CREATED = "created"  # or was there already (IF NOT EXISTS)
    ALTERED = "altered"  # columns, indexes or options; values may have been converted
    MOVED_AWAY = "moved away"  # it has another name now
    MOVED_IN = "moved in"  # another table has its name now, as online schema changes do it
    WRITTEN = "written"  # by a statement that is in the log itself: the keys are unknown
    UNREADABLE = "unreadable"  # changed by row events whose columns are not known any more


@dataclass(frozen=True)
class Effect:
    """`table` is None for all tables of the database; `other` the name that a moved one has, or had."""

    kind: Kind
    database: str
    table: str | None
    other: str = ""


# Statements of these kinds change no table's rows or columns.
HARMLESS = {
    "BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE", "XA", "SET", "GRANT", "REVOKE", "FLUSH",
    "OPTIMIZE", "REPAIR", "CHECK", "CHECKSUM", "INSTALL", "UNINSTALL", "START", "STOP", "CHANGE", "RESET",
    "LOCK", "UNLOCK", "USE", "SHOW", "CACHE", "KILL", "SHUTDOWN", "PURGE", "HELP",
}  # fmt: skip
OBJECTS = {
    "TABLE", "INDEX", "DATABASE", "SCHEMA", "VIEW", "TRIGGER", "PROCEDURE", "FUNCTION", "EVENT", "USER",
    "ROLE", "SERVER", "SEQUENCE", "PACKAGE", "TABLESPACE", "LOGFILE", "UNDO", "RESOURCE", "SPATIAL",
    "INSTANCE", "LIBRARY",
}  # fmt: skip
# Of a table's partitions or file: rows appear or disappear.
WITHOUT_ROWS = {("TRUNCATE", "PARTITION"), ("DROP", "PARTITION"), ("EXCHANGE", "PARTITION"),
                ("CONVERT", "PARTITION"), ("CONVERT", "TABLE"), ("IMPORT", "TABLESPACE"),
                ("DISCARD", "TABLESPACE"), ("DISCARD", "PARTITION"), ("IMPORT", "PARTITION")}  # fmt: skip
MOVES_COLUMNS = {"FIRST", "AFTER", "CHANGE", "MODIFY"}
DROPS_NO_COLUMN = {"INDEX", "KEY", "PRIMARY", "FOREIGN", "CONSTRAINT", "CHECK", "DEFAULT", "PARTITION"}


def effects(query: Query, alone: bool = True) -> list[Effect] | None:
    """What the statement did, nothing if it changed no table's rows or columns; None where that cannot be
    told. `alone`: it is in no transaction, as what a server writes of its own accord."""
    return _effects(tokens(query.text, query.ansi_quotes), query.database, alone)


def reorders(query: Query) -> bool:
    """Whether an ALTER may have changed a place or name of a column; adding some at the end has not."""
    words = tokens(query.text, query.ansi_quotes).words()
    return any(
        word in MOVES_COLUMNS
        or (word == "RENAME" and following == "COLUMN")
        or (word == "DROP" and following not in DROPS_NO_COLUMN)
        for word, following in pairwise([*words, ""])
    )


def _effects(reader: Tokens, database: str, alone: bool) -> list[Effect] | None:
    verb = reader.word()
    if verb == "SET" and reader.skip("STATEMENT"):
        return _effects(reader, database, alone=False) if reader.seek_outside("FOR") else None
    if verb is None or verb in HARMLESS:
        return []
    rules = {"CREATE": _create, "DROP": _drop, "ALTER": _alter, "RENAME": _rename, "TRUNCATE": _truncate,
             "ANALYZE": _analyze}  # fmt: skip
    if alone:
        rules["DELETE"] = _delete
    rule = rules.get(verb)
    return rule(reader, database) if rule else None


def _object(reader: Tokens) -> str:
    """The kind of object that a statement is about, TEMPORARY for a temporary table."""
    while (word := reader.word()) is not None:
        if word in OBJECTS or word == "TEMPORARY":
            return word
    return ""


def _create(reader: Tokens, database: str) -> list[Effect] | None:
    what = _object(reader)
    if what == "INDEX":
        return _index(reader, database)
    temporary = what == "TEMPORARY" and reader.skip("TABLE")
    if what != "TABLE" and not temporary:
        return [] if what else None
    reader.skip("IF", "NOT", "EXISTS")
    created = _one(Kind.CREATED, reader.name(database))
    if _has_query(reader):  # a session that logs rows names the columns, and then the rows if at all
        return None
    return [] if temporary else created


def _has_query(reader: Tokens) -> bool:
    """Whether a new table is filled with what a query finds, which may call functions that write."""
    before = ""
    while (word := reader.word()) is not None:
        if word == "SELECT" or (before == "VALUES" and word not in {"LESS", "IN"}):
            return True
        before = word
    return False


def _drop(reader: Tokens, database: str) -> list[Effect] | None:
    what = _object(reader)
    if what == "INDEX":
        return _index(reader, database)
    reader.skip("IF", "EXISTS")
    if what in {"DATABASE", "SCHEMA"}:
        name = reader.name("")
        return [Effect(Kind.DROPPED, name[1], None)] if name else None
    if what != "TABLE":
        return [] if what else None
    found = []
    while name := reader.name(database):
        found.append(Effect(Kind.DROPPED, *name))
        if not reader.symbol(","):
            break
    return found or None


def _index(reader: Tokens, database: str) -> list[Effect] | None:
    return _one(Kind.ALTERED, reader.name(database) if reader.seek("ON") else None)


def _truncate(reader: Tokens, database: str) -> list[Effect] | None:
    reader.skip("TABLE")
    return _one(Kind.TRUNCATED, reader.name(database))


def _delete(reader: Tokens, database: str) -> list[Effect] | None:
    """What a server may write for a MEMORY table that it found empty when it started: no condition at all."""
    if not reader.skip("FROM"):
        return None
    name = reader.name("")
    written_by_server = name is not None and name[0] != "" and reader.ended()
    return _one(Kind.TRUNCATED, name) if written_by_server else None


def _analyze(reader: Tokens, database: str) -> list[Effect] | None:
    """Of a statement, MariaDB executes it."""
    while reader.skip("LOCAL") or reader.skip("NO_WRITE_TO_BINLOG"):
        pass
    return [] if reader.skip("TABLE") or reader.skip("TABLES") else None


def _rename(reader: Tokens, database: str) -> list[Effect] | None:
    if not (reader.skip("TABLE") or reader.skip("TABLES")):
        return []
    reader.skip("IF", "EXISTS")
    found: list[Effect] = []
    while (old := reader.name(database)) and reader.seek("TO") and (new := reader.name(database)):
        found += _moved(old, new)
        if not reader.symbol(","):
            return found
    return None


def _alter(reader: Tokens, database: str) -> list[Effect] | None:
    what = _object(reader)
    if what != "TABLE":
        return [] if what else None
    reader.skip("IF", "EXISTS")
    name = reader.name(database)
    if name is None:
        return None
    found = [Effect(Kind.ALTERED, *name)]
    before = ""
    while (word := reader.word()) is not None:
        if before == "RENAME" and word not in {"COLUMN", "INDEX", "KEY", "CONSTRAINT"}:
            if word not in {"TO", "AS"}:
                reader.back()
            reader.symbol("=")
            new = reader.name(name[0])
            found += _moved(name, new) if new else []
        if (before, word) in WITHOUT_ROWS:
            found.append(Effect(Kind.TRUNCATED, *name))
        if (before, word) in {("WITH", "TABLE"), ("CONVERT", "TABLE"), ("TO", "TABLE")} and (
            other := reader.name(name[0])
        ):
            found.append(Effect(Kind.TRUNCATED, *other))
        before = word
    return found


def _one(kind: Kind, name: tuple[str, str] | None) -> list[Effect] | None:
    return [Effect(kind, *name)] if name else None


def _moved(old: tuple[str, str], new: tuple[str, str]) -> list[Effect]:
    return [
        Effect(Kind.MOVED_AWAY, *old, other=".".join(new)),
        Effect(Kind.MOVED_IN, *new, other=".".join(old)),
    ]
