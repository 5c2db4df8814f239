"""The clauses in which a restore takes each kind of statement: a whitelist, so that a dump makes tables and
rows in its work database and reaches nothing else.

https://dev.mysql.com/doc/refman/8.4/en/create-table.html, https://mariadb.com/kb/en/create-table/
"""

from __future__ import annotations

from landing.dump_tokens import Refused, Tokens

_KEY_STARTS = {"PRIMARY", "UNIQUE", "KEY", "INDEX", "FULLTEXT", "SPATIAL", "FOREIGN", "CHECK", "CONSTRAINT"}
# Words of a column's or a key's definition behind its name and type.
_DEFINITION = _KEY_STARTS | {
    *("PRECISION", "VARYING", "VARCHAR", "CHAR", "CHARACTER", "VARBINARY", "NATIONAL", "LARGE", "OBJECT"),
    *("UNSIGNED", "SIGNED", "ZEROFILL", "BINARY", "ASCII", "UNICODE", "BYTE", "CHARSET", "SET", "COLLATE"),
    *("NOT", "NULL", "DEFAULT", "TRUE", "FALSE", "AUTO_INCREMENT", "COMMENT", "ON", "UPDATE", "DELETE"),
    *("CURRENT_TIMESTAMP", "NOW", "LOCALTIME", "LOCALTIMESTAMP", "CURRENT_DATE", "CURDATE", "UUID"),
    *("GENERATED", "ALWAYS", "AS", "VIRTUAL", "STORED", "PERSISTENT", "COLUMN_FORMAT", "FIXED", "DYNAMIC"),
    *(
        "STORAGE",
        "DISK",
        "INVISIBLE",
        "VISIBLE",
        "COMPRESSED",
        "SRID",
        "REF_SYSTEM_ID",
        "ENFORCED",
        "IGNORED",
        "CLUSTERING",
    ),
    *("REFERENCES", "MATCH", "FULL", "PARTIAL", "SIMPLE", "RESTRICT", "CASCADE", "NO", "ACTION"),
    *("USING", "TYPE", "BTREE", "HASH", "RTREE", "WITH", "PARSER", "KEY_BLOCK_SIZE", "=", "+", "-"),
}
_BEFORE_A_NAME = {
    *("KEY", "INDEX", "UNIQUE", "FULLTEXT", "SPATIAL", "CONSTRAINT", "REFERENCES", "COLLATE", "CHARSET"),
    *("SET", "PARSER"),
}
_OPTIONS = {
    *("AUTO_INCREMENT", "AVG_ROW_LENGTH", "CHARSET", "CHECKSUM", "COLLATE", "COMMENT", "COMPRESSION"),
    *("DELAY_KEY_WRITE", "ENCRYPTED", "ENCRYPTION", "ENCRYPTION_KEY_ID", "KEY_BLOCK_SIZE", "MAX_ROWS"),
    *("MIN_ROWS", "PACK_KEYS", "PAGE_CHECKSUM", "PAGE_COMPRESSED", "PAGE_COMPRESSION_LEVEL", "ROW_FORMAT"),
    *("STATS_AUTO_RECALC", "STATS_PERSISTENT", "STATS_SAMPLE_PAGES", "TABLE_CHECKSUM", "TRANSACTIONAL"),
}
# Those that keep their rows in the table; all become InnoDB, so that rows and memory commit together.
_ENGINES = {
    *("INNODB", "MYISAM", "ARIA", "MARIA", "MEMORY", "HEAP", "ARCHIVE", "CSV", "ROCKSDB", "TOKUDB", "NDB"),
    *("NDBCLUSTER", "XTRADB", "COLUMNSTORE"),
}
_MODIFIERS = {"IGNORE", "DELAYED", "LOW_PRIORITY", "HIGH_PRIORITY"}


def create_table(tokens: Tokens) -> None:
    """Behind CREATE TABLE. Partitions are left out: they change no row."""
    tokens.accept("IF", "NOT", "EXISTS")
    tokens.expect_name()
    tokens.expect("(")
    _definitions(tokens)
    _options(tokens)
    while tokens.accept(","):
        _options(tokens)
    if tokens.word == "PARTITION":
        tokens.drop_rest()
    tokens.expect_end()


def drop_table(tokens: Tokens) -> None:
    """Behind DROP TABLE."""
    tokens.accept("IF", "EXISTS")
    tokens.expect_name()
    while tokens.accept(","):
        tokens.expect_name()
    tokens.expect_end()


def alter_table(tokens: Tokens) -> None:
    """Behind ALTER TABLE."""
    tokens.expect_name()
    while True:
        _action(tokens)
        if not tokens.accept(","):
            break
    tokens.expect_end()


def create_index(tokens: Tokens) -> None:
    """Behind CREATE INDEX."""
    tokens.accept("IF", "NOT", "EXISTS")
    tokens.expect_name()
    _attributes(tokens, until=("ON",))
    tokens.expect("ON")
    tokens.expect_name()
    _attributes(tokens)
    tokens.expect_end()


def insert(tokens: Tokens) -> None:
    """Behind INSERT or REPLACE, up to the rows.

    IGNORE would bend values that do not fit and drop rows; without it, and the words about speed, the server
    takes each row as it stands or refuses it.
    """
    while tokens.accept_any(_MODIFIERS):
        tokens.drop_last()
    tokens.accept("INTO")
    tokens.expect_name()
    if tokens.word == "(":
        _parentheses(tokens)
    if not tokens.accept_any(("VALUES", "VALUE")):
        tokens.refuse()
    tokens.expect_end()


def _action(tokens: Tokens) -> None:
    if tokens.accept_any(("DISABLE", "ENABLE")):
        tokens.expect("KEYS")
    elif tokens.accept("CONVERT", "TO"):
        _options(tokens)
    elif verb := tokens.accept_any(("ADD", "MODIFY", "CHANGE")):
        tokens.accept("COLUMN")
        if verb == "ADD" and tokens.accept("("):
            _definitions(tokens)
            return
        if verb == "CHANGE":
            tokens.expect_name()
        _definition(tokens)
    else:
        _options(tokens)


def _definitions(tokens: Tokens) -> None:
    """A list of definitions up to its closing parenthesis."""
    _definition(tokens)
    while tokens.accept(","):
        _definition(tokens)
    tokens.expect(")")


def _definition(tokens: Tokens) -> None:
    """One column, key or constraint."""
    if tokens.word not in _KEY_STARTS:
        tokens.expect_name()
        # ADD SYSTEM VERSIONING is no column of that type.
        if tokens.next is None or tokens.next.kind != "word" or tokens.word == "VERSIONING":
            tokens.refuse()
        tokens.take()
    _attributes(tokens)


def _attributes(tokens: Tokens, until: tuple[str, ...] = ()) -> None:
    while (token := tokens.next) is not None and token.word not in (",", ")", *until):
        if token.word == "(":
            _parentheses(tokens)
        elif token.word in _DEFINITION:
            tokens.take()
            if token.word in _BEFORE_A_NAME and _is_free_name(tokens):
                tokens.expect_name()
            elif token.word == "DEFAULT" and tokens.is_call:
                tokens.take()
        elif token.kind in ("string", "number") or token.word.startswith("_"):
            tokens.take()
        else:
            tokens.refuse()


def _is_free_name(tokens: Tokens) -> bool:
    """Whether a name comes next that is no word of a definition itself."""
    return tokens.next is not None and tokens.next.is_name and tokens.word not in _DEFINITION


def _parentheses(tokens: Tokens) -> None:
    """Columns, lengths, the values of a type, or an expression over the row's own columns."""
    tokens.expect("(")
    depth = 1
    while depth:
        if tokens.word in (".", "SELECT") or (tokens.next is not None and tokens.next.kind == "variable"):
            tokens.refuse()
        depth += {"(": 1, ")": -1}.get(tokens.take().word, 0)


def _options(tokens: Tokens) -> None:
    """A table's options, of which there may be none, up to a comma."""
    while True:
        is_default = tokens.accept("DEFAULT")
        if tokens.accept("ENGINE"):
            tokens.accept("=")
            engine = tokens.expect_name().text.decode("utf-8", "replace").strip("`")
            if engine.upper() not in _ENGINES:
                raise Refused(f"a table of engine {engine} does not keep its rows; dump without it")
            tokens.replace_last(b"InnoDB")
        elif tokens.accept("CHARACTER", "SET") or tokens.accept_any(_OPTIONS):
            tokens.accept("=")
            if tokens.next is None or tokens.next.kind not in ("word", "name", "string", "number"):
                tokens.refuse()
            tokens.take()
        elif is_default:
            tokens.refuse()
        else:
            return
