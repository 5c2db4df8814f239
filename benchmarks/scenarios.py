"""What each tool makes of changes and values that are hard to carry over: the same source for all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.measure import ContenderFailed
from benchmarks.servers import Servers
from benchmarks.workloads.base import OURS, SCHEMA, Contender
from sync.errors import SyncError

Run = Callable[[Contender, dict[str, str]], object]
SALES, KEY, CURSOR = "hard_sales", "id", "updated_at"
LONG_AGO = "2000-01-01T00:00:00Z"
SHOWN = 60


@dataclass(frozen=True)
class Value:
    """A value that is hard to carry over: its MySQL type and literal, and the texts in which PostgreSQL may
    show it unchanged."""

    title: str
    kind: str
    literal: str
    neighbour: str
    exact: tuple[str, ...] = ()


VALUES = (
    Value("BIGINT UNSIGNED 18446744073709551615", "BIGINT UNSIGNED", "18446744073709551615", "1",
          ("18446744073709551615",)),
    Value("DECIMAL(65,30) with 35 digits before the point", "DECIMAL(65,30)",
          "12345678901234567890123456789012345.123456789012345678901234567891", "1",
          ("12345678901234567890123456789012345.123456789012345678901234567891",)),
    Value("TINYINT(1) 2", "TINYINT(1)", "2", "1", ("2",)),
    Value("BIT(8) 10000001", "BIT(8)", "b'10000001'", "b'1'", ("129", "10000001")),
    Value("TIME -838:59:59", "TIME", "'-838:59:59'", "'01:00:00'", ("-838:59:59",)),
    Value("date 0000-00-00", "DATE", "'0000-00-00'", "'2026-01-01'"),
    Value("text with a NUL character", "VARCHAR(10)", "'a\\0b'", "'ab'"),
)  # fmt: skip
# Of each change: the row's key, and what to say where the target has the row and where it has not.
DELETED, LATE, TIED = 1, 3, 5
CHANGES = (
    ("a row committed after a newer one was read", LATE, "arrives", "lost"),
    ("a row with the newest row's time", TIED, "arrives", "lost"),
    ("a deleted row", DELETED, "stays", "goes"),
)


def tools() -> tuple[Contender, ...]:
    """The tools, each with the command for one table; without a cursor it is copied whole."""
    ours = (
        'exec "$PYTHON" -m sync copy env:SOURCE_URL "shop.$TABLE" --to env:TARGET_URL'
        f" --schema {SCHEMA} ${{CURSOR:+--strategy watermark --cursor $CURSOR}} ${{RECONCILE:-}}"
    )
    dlt = 'exec "$PEERS/dlt/bin/python" benchmarks/peers/dlt_copy.py "$TABLE" id ${CURSOR:-}'
    ingestr = (
        'exec "$PEERS/ingestr/bin/ingestr" ingest --yes --progress log --source-uri "$SOURCE_URL"'
        ' --source-table "shop.$TABLE" --dest-uri "$TARGET_URL" --dest-table "'
        f'{SCHEMA}.$TABLE" --primary-key id'
        ' ${CURSOR:+--incremental-strategy merge --incremental-key $CURSOR --interval-start "$SINCE"}'
    )
    return (
        Contender(OURS, ours, "scenario_ours"),
        Contender("dlt", dlt, "scenario_dlt", peer="dlt"),
        Contender("ingestr", ingestr, "scenario_ingestr", peer="ingestr"),
    )


class Scenarios:
    """Runs every tool over the same changes and values. `run` is given a tool and the command's variables."""

    def __init__(self, servers: Servers, contenders: Sequence[Contender], run: Run) -> None:
        self._servers = servers
        self._tools = contenders
        self._run = run

    def rows(self) -> list[list[str]]:
        """A row for each scenario: its title, and what became of it by tool."""
        for tool in self._tools:
            self._servers.fresh_target(tool.database)
            self._servers.query(tool.database, f"CREATE SCHEMA {SCHEMA}")
        values = [
            [value.title, *(self._value(tool, value, f"hard_value_{number}") for tool in self._tools)]
            for number, value in enumerate(VALUES)
        ]
        return [*self._changes(), *values]

    def _changes(self) -> list[list[str]]:
        """A transaction stays open over a pass, another commits a row with the same time as one that was
        read, and a row is deleted."""
        with self._servers.shop() as shop, self._servers.shop() as late:
            shop.execute(f"DROP TABLE IF EXISTS {SALES}")
            shop.execute(
                f"CREATE TABLE {SALES} ({KEY} INT PRIMARY KEY,"
                f" {CURSOR} TIMESTAMP(6) DEFAULT CURRENT_TIMESTAMP(6))"
            )
            shop.execute(f"INSERT INTO {SALES} ({KEY}) VALUES (1), (2)")
            late.execute("START TRANSACTION")
            late.execute(f"INSERT INTO {SALES} ({KEY}) VALUES ({LATE})")
            shop.execute(f"INSERT INTO {SALES} ({KEY}) VALUES (4)")
            failed = {tool.name: self._pass(tool, LONG_AGO) for tool in self._tools}
            late.execute("COMMIT")
            shop.execute(f"INSERT INTO {SALES} SELECT {TIED}, {CURSOR} FROM {SALES} WHERE {KEY} = 4")
            shop.execute(f"DELETE FROM {SALES} WHERE {KEY} = {DELETED}")
            for tool in self._tools:
                failed[tool.name] = failed[tool.name] or self._pass(tool, self._greatest(tool))
        return [
            [title, *(failed[tool.name] or self._verdict(tool, key, there, gone) for tool in self._tools)]
            for title, key, there, gone in CHANGES
        ]

    def _verdict(self, tool: Contender, key: int, there: str, gone: str) -> str:
        found = there if key in self._live(tool) else gone
        if tool.name != OURS or key != DELETED or found == gone:
            return found
        self._run(tool, {"TABLE": SALES, "CURSOR": CURSOR, "RECONCILE": "--reconcile"})
        return f"{found}, {there if key in self._live(tool) else gone} with --reconcile"

    def _pass(self, tool: Contender, since: str) -> str:
        """Run a tool over the sales, which were read up to `since`; returns why it failed."""
        try:
            self._run(tool, {"TABLE": SALES, "CURSOR": CURSOR, "SINCE": since})
        except ContenderFailed as error:
            return _short(error)
        return ""

    def _greatest(self, tool: Contender) -> str:
        """What a caller that keeps the position knows: the greatest time that arrived."""
        format_ = 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'
        ((greatest,),) = self._servers.query(
            tool.database,
            f"SELECT to_char(max({CURSOR}) AT TIME ZONE 'UTC', '{format_}') FROM {SCHEMA}.{SALES}",
        )
        return str(greatest)

    def _live(self, tool: Contender) -> set[int]:
        gone = " WHERE NOT _deleted" if tool.name.startswith(OURS) else ""
        return {
            row[0] for row in self._servers.query(tool.database, f"SELECT id FROM {SCHEMA}.{SALES}{gone}")
        }

    def _value(self, tool: Contender, value: Value, table: str) -> str:
        with self._servers.shop() as shop:
            shop.execute("SET SESSION sql_mode = ''")
            shop.execute(f"DROP TABLE IF EXISTS {table}")
            shop.execute(f"CREATE TABLE {table} ({KEY} INT PRIMARY KEY, v {value.kind})")
            shop.execute(f"INSERT INTO {table} VALUES (1, {value.literal}), (2, {value.neighbour})")
        try:
            self._run(tool, {"TABLE": table})
            found = dict(self._servers.query(tool.database, f"SELECT id, v::text FROM {SCHEMA}.{table}"))
            if 1 not in found or 2 not in found:
                return self._missing(tool, table, alone=2 in found)
        except (ContenderFailed, SyncError) as error:
            return _short(error)
        if found[1] in value.exact:
            return "exact"
        return "becomes NULL" if found[1] is None else f"becomes {found[1]}"[:SHOWN]

    def _missing(self, tool: Contender, table: str, alone: bool) -> str:
        """What to say of a row that did not arrive; `alone` if the one beside it did."""
        if not alone or tool.name != OURS:
            return "row lost" if alone else "rows lost"
        statement = "SELECT count(*) FROM quarantine.rejected_rows WHERE table_name = "
        ((rows,),) = self._servers.query(tool.database, f"{statement}'{SCHEMA}.{table}'")
        return "quarantined, its neighbour loads" if rows == 1 else "row lost"


def _short(error: Exception) -> str:
    """The last line that speaks of an error, or just the last one."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    telling = [line for line in lines if "error" in line.lower()] or lines
    return f"fails: {telling[-1]}"[:SHOWN]
