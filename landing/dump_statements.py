"""Tell which of a dump's statements a restore runs.

A dump of tables is all that is taken: statements that make, fill or alter tables, and the session settings
that they need, each in the clauses that `dump_clauses` and `dump_settings` list. What speaks of the server
that the dump came from is passed over; everything else is refused by name, and so is a table of another
database.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from landing.dump_clauses import alter_table, create_index, create_table, drop_table, insert
from landing.dump_settings import is_of_the_server, set_session
from landing.dump_text import Statement, read_statements
from landing.dump_tokens import Refused, Tokens
from landing.result import LandingError

# The statements that are run, by their first words, and what reads their clauses.
_RUN: dict[tuple[str, ...], Callable[[Tokens], None]] = {
    ("CREATE", "TABLE"): create_table,
    ("DROP", "TABLE"): drop_table,
    ("ALTER", "TABLE"): alter_table,
    ("CREATE", "INDEX"): create_index,
    ("CREATE", "UNIQUE", "INDEX"): create_index,
    ("CREATE", "FULLTEXT", "INDEX"): create_index,
    ("CREATE", "SPATIAL", "INDEX"): create_index,
    ("INSERT",): insert,
    ("REPLACE",): insert,
    ("SET",): set_session,
    ("START", "TRANSACTION"): Tokens.expect_end,
    ("BEGIN",): Tokens.expect_end,
    ("COMMIT",): Tokens.expect_end,
}
_PASSED_OVER = (
    ("LOCK", "TABLES"),
    ("UNLOCK", "TABLES"),
    ("USE",),
    ("CREATE", "DATABASE"),
    ("CREATE", "SCHEMA"),
    ("DROP", "DATABASE"),
    ("DROP", "SCHEMA"),
)
_NO_TABLES = {
    *("VIEW", "TRIGGER", "PROCEDURE", "FUNCTION", "EVENT", "USER", "ROLE", "SEQUENCE", "SERVER", "DEFINER"),
    *("PACKAGE", "DELIMITER", "GRANT", "ALGORITHM"),
}
_OPENING = 12  # words among which a statement says what it makes


def statements_to_run(path: Path) -> Iterator[Statement]:
    """The statements of a dump that restore its tables, in order, as they are to be run.

    Raises `LandingError`, which names the line and the statement, for one that does something else, and for a
    dump of more than one database.
    """
    databases: set[bytes] = set()
    for statement in read_statements(path):
        where = f"{path.name}: line {statement.line}: {statement.shown!r}"
        words = tuple(token.word for token in statement.words[:_OPENING])
        if words[:1] == ("USE",):
            databases.update(token.text.strip(b"`") for token in statement.words[1:2])
            if len(databases) > 1:
                raise LandingError(f"{where}: it holds more than one database; dump the one to land alone")
        if not words or any(words[: len(head)] == head for head in _PASSED_OVER):
            continue
        if words[0] == "SET" and is_of_the_server(statement.words):
            continue
        try:
            yield _checked(statement, words)
        except Refused as error:
            raise LandingError(f"{where}: {error}") from None


def _checked(statement: Statement, words: tuple[str, ...]) -> Statement:
    head = next((head for head in _RUN if words[: len(head)] == head), None)
    if head is None:
        raise Refused(_what_it_is(words))
    tokens = Tokens(statement.tokens, len(head))
    _RUN[head](tokens)
    return statement._replace(tokens=tokens.rewritten())


def _what_it_is(words: tuple[str, ...]) -> str:
    if _NO_TABLES.intersection(words):
        return (
            "only tables are restored; dump them alone, without views, triggers, routines, events and users"
            " (mysqldump --skip-triggers with the tables' names)"
        )
    return (
        "this is no statement of a dump of tables, which makes, alters and drops tables, makes indexes,"
        " inserts rows of values and sets its session; delete it, or write the dump anew"
    )
