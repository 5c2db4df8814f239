"""How Db2 says what the base asks of it.

The SQL is that of https://www.ibm.com/docs/en/db2/11.5, whose page is named where no stand-in executes a
statement.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from sync.connections.urls import parse
from sync.errors import SyncError
from sync.warehouses.changes import Completion, NotNull, PrimaryKey
from sync.warehouses.contract import Capabilities
from sync.warehouses.db2.connection import ORGANIZE, connect
from sync.warehouses.db2.types import LONGEST_VARCHAR, OWN_BYTES, TYPES
from sync.warehouses.dbapi.dialect import Trouble
from sync.warehouses.dbapi.driver import load_driver
from sync.warehouses.dbapi.folding import FoldingDialect
from sync.warehouses.schema import ColumnSchema, ForeignKey, Index, TableName, TableSchema

LONGEST_NAME = 128
_CODE = re.compile(r"SQLCODE=(-?\d+)")
_STATE = re.compile(r"SQLSTATE=(\w{5})")
# Of these the unit of work was rolled back or the server may answer later: a deadlock or time-out, a full
# log, a lost connection, a database that is being activated, one that was forced off.
TRANSIENT_CODES = {-911, -913, -964, -30081, -30080, -1224, -1229, -1035, -1476, -4499, -99999}
TRANSIENT_STATES = ("08", "40", "57")
# The server refuses a row: its values (22), a constraint or a key (23), what is too long together (54).
VALUE_STATES = ("22", "23", "54010")
# A name that is taken, a primary key where there is one; the last two are Derby's.
THERE = {"42710", "42889", "X0Y32", "X0Y58"}
GONE = {"42704", "42X86"}  # no such constraint; the last one is Derby's
# Nothing that waiting or another row will change, although its state begins like those above.
PERMANENT_CODES = {-30061, -30082, -1060, -1403}  # no such database; wrong password or no right to connect


# What to do about an error, by its code, where the server does not say it.
WAYS_OUT = {
    -30082: "check the user and the password in the URL",
    -30061: "check the database's name in the URL",
    -30081: "check the host and the port in the URL, and whether the server wants Security=SSL",
    -1336: "check the host in the URL",
    -964: "make the log larger: LOGPRIMARY, LOGSECOND, LOGFILSIZ",
}
_DRIVER = re.compile(r"^ibm_db_dbi::\w+: |\[IBM\]\[CLI Driver\](\[[^]]*\])? ?")


def cut(name: str) -> str:
    """A name of ours within the 128 bytes that Db2 has for one."""
    return name.encode()[:LONGEST_NAME].decode(errors="ignore")


def _whole(error: BaseException | None) -> str:
    """An error's message and those of what caused it: a commit on a lost connection fails in the driver
    itself, which keeps the reason beneath."""
    said = []
    while error is not None:
        said.append(str(error))
        error = error.__cause__ or error.__context__
    return " ".join(said)


def _state(error: Exception) -> str | None:
    found = _STATE.search(str(error))
    return found[1] if found else None


class Db2Dialect(FoldingDialect):
    """Names are kept in upper case, as Db2's users write them without quotes."""

    system = "db2"
    types = TYPES
    capabilities = Capabilities(materialized_views=True)
    portion = 5000
    longest_own_text = OWN_BYTES["quarantine"]
    not_null_when_made = True
    log_settings = "LOGPRIMARY, LOGSECOND, LOGFILSIZ"
    # https://www.ibm.com/support/knowledgecenter/en/SSEPGG_11.1.0/com.ibm.db2.luw.sql.rtn.doc/doc/r0060791.html
    log_view = "SYSIBMADM.MON_TRANSACTION_LOG_UTILIZATION"

    def __init__(self, url: str) -> None:
        self._url = url
        organize = parse(url).options.get(ORGANIZE, "").upper()
        if organize not in ("", "ROW", "COLUMN"):
            raise SyncError(f"{parse(url)}: {ORGANIZE} is row or column, not {organize.lower()!r}")
        self._organize = organize

    def connect(self) -> Any:
        return connect(self._url)

    @property
    def driver_error(self) -> type[Exception]:
        error: type[Exception] = load_driver("ibm_db_dbi", "Db2", "db2").Error
        return error

    def trouble(self, error: Exception) -> Trouble:
        """By SQLCODE and SQLSTATE, which the driver has at the end of its messages and nowhere else."""
        said = _whole(error)
        code, state = _CODE.search(said), _STATE.search(said)
        number = int(code[1]) if code else 0
        if number in PERMANENT_CODES:
            return Trouble.PERMANENT
        if state and state[1].startswith(VALUE_STATES):
            return Trouble.VALUE
        if number in TRANSIENT_CODES or (state and state[1].startswith(TRANSIENT_STATES)):
            return Trouble.TRANSIENT
        return Trouble.PERMANENT

    def said(self, error: Exception) -> str:
        """Without the driver's name before it, and with the way out behind it."""
        told, code = _DRIVER.sub("", super().said(error)), _CODE.search(str(error))
        way_out = WAYS_OUT.get(int(code[1])) if code else None
        return f"{told}; {way_out}" if way_out else told

    def is_there(self, error: Exception) -> bool:
        return _state(error) in THERE

    def is_gone(self, error: Exception) -> bool:
        return _state(error) in GONE

    def role_exists(self, cursor: Any, role: str) -> bool:
        cursor.execute(f"SELECT 1 FROM SYSCAT.ROLES WHERE ROLENAME = {self.literal(role.upper())}")
        return bool(cursor.fetchall())

    def log_space(self, connection: Any) -> int | None:
        """NULL where the log is infinite. A user who may not read the view learns of a full log when it is:
        the failed statement alone is undone, not the unit of work."""
        cursor = connection.cursor()
        try:
            cursor.execute(f"SELECT MIN(TOTAL_LOG_AVAILABLE_KB) FROM {self.log_view}")
            ((kib,),) = cursor.fetchall()
        except self.driver_error as error:
            if self.trouble(error) is Trouble.TRANSIENT:
                raise
            return None
        finally:
            cursor.close()
        return None if kib is None else int(kib) * 1024

    # Names and literals.

    def seconds_from_now(self, seconds: float) -> str:
        return f"CURRENT_TIMESTAMP + {seconds:g} SECONDS" if seconds else "CURRENT_TIMESTAMP"

    # Definitions.

    def create_table(
        self,
        table: str,
        columns: Sequence[tuple[str, str]],
        key: Sequence[str] = (),
        not_null: Sequence[str] = (),
    ) -> str:
        made = super().create_table(table, columns, key, not_null)
        return f"{made} ORGANIZE BY {self._organize}" if self._organize else made

    def rename_table(self, table: TableName, to: str) -> str:
        return f"RENAME TABLE {self.table(table)} TO {self.quote(to)}"

    def drop_not_null(self, table: str, column: str) -> Sequence[str]:
        return [*super().drop_not_null(table, column), self.reorganize(table)]

    def complete(self, schema: TableSchema, step: Completion) -> Sequence[str]:
        table = self.table(schema.name)
        if isinstance(step, PrimaryKey):
            listed = ", ".join(map(self.quote, step.columns))
            return [f"ALTER TABLE {table} ADD PRIMARY KEY ({listed})", *self.analyse(table)]
        if isinstance(step, NotNull):
            # Which leaves the table in reorg pending, in which no row can be written:
            # https://www.ibm.com/docs/en/db2/11.5?topic=statements-alter-table
            return [self.set_not_null(table, step.column), self.reorganize(table)]
        if isinstance(step, ForeignKey):
            return [f"{statement}{self.enforcement}" for statement in super().complete(schema, step)]
        return super().complete(schema, step)

    # Staging has these keys and production is compared with it, so the optimizer may rely on them unchecked.
    enforcement = " NOT ENFORCED ENABLE QUERY OPTIMIZATION"

    def reorganize(self, table: str) -> str:
        """https://www.ibm.com/docs/en/db2/11.5?topic=commands-reorg-table-using-admin-cmd-procedure"""
        return f"CALL SYSPROC.ADMIN_CMD({self.literal(f'REORG TABLE {table}')})"

    def analyse(self, table: str) -> Sequence[str]:
        """https://www.ibm.com/docs/en/db2/11.5?topic=commands-runstats-using-admin-cmd-procedure"""
        command = f"RUNSTATS ON TABLE {table} WITH DISTRIBUTION AND INDEXES ALL"
        return [f"CALL SYSPROC.ADMIN_CMD({self.literal(command)})"]

    def staged(self, table: TableName, key: Sequence[str]) -> Sequence[str]:
        """An index by which staged rows are found, and the statistics with which it is used."""
        name = self.table(table._replace(table=f"{table.table}_key"))
        listed = ", ".join(map(self.quote, key))
        return [f"CREATE INDEX {name} ON {self.table(table)} ({listed})", *self.analyse(self.table(table))]

    def create_index(self, table: TableName, index: Index) -> Sequence[str]:
        """In the table's schema: without one Db2 takes that of the user."""
        if index.columns is None:
            return []
        name = cut("_".join([table.table, *index.columns, "idx"]))
        listed = ", ".join(map(self.quote, index.columns))
        return [f"CREATE INDEX {self.table(table._replace(table=name))} ON {self.table(table)} ({listed})"]

    def create_materialized(self, name: str, query: str) -> str:
        """A materialized query table, empty: https://www.ibm.com/docs/en/db2/11.5?topic=statements-create-table"""
        return f"CREATE TABLE {name} AS ({query}) DATA INITIALLY DEFERRED REFRESH DEFERRED"

    def drop_materialized(self, name: str) -> str:
        return f"DROP TABLE {name}"

    @property
    def is_materialized_empty(self) -> bool:
        return True

    def refresh_materialized(self, name: str, query: str) -> Sequence[str]:
        """https://www.ibm.com/docs/en/db2/11.5?topic=statements-refresh-table"""
        return [f"REFRESH TABLE {name} ALLOW READ ACCESS"]

    def grant(self, view: TableName, role: str) -> Sequence[str]:
        """Schemas take no grant for reading."""
        return [f"GRANT SELECT ON {self.table(view)} TO ROLE {self.quote(role)}"]

    # Rows.

    def differs(self, column: ColumnSchema, one: str, other: str) -> str:
        """A text is equal to itself with blanks behind it, so that lengths are compared as well."""
        different = super().differs(column, one, other)
        if self.types.native_type(TableName("", ""), column).startswith("VARCHAR"):
            return f"({different} OR LENGTH({one}) <> LENGTH({other}))"
        return different


assert max(OWN_BYTES.values()) <= LONGEST_VARCHAR
