"""XA transactions in the log: their rows stand where they are prepared, and later that they are committed.

https://dev.mysql.com/doc/refman/8.4/en/xa-restrictions.html, https://mariadb.com/kb/en/xa-transactions/. Rows
that were read when they were prepared do not show the change yet, so who reads on behind them must know.
"""

from __future__ import annotations

ONE_PHASE = "ONE PHASE"


class XaTransactions:
    """Which tables each open transaction has touched. `known` is what a position tells of those before it."""

    def __init__(self, known: dict[str, list[str]]) -> None:
        self._touched = {name: set(tables) for name, tables in known.items()}
        self._here: set[str] = set()

    def begin(self, name: str) -> None:
        self._touched[name] = set()
        self._here.add(name)

    def touch(self, name: str, table: str) -> None:
        self._touched[name].add(table)

    def seen(self, name: str) -> bool:
        """Whether it was prepared in this read."""
        return name in self._here

    def end(self, name: str) -> set[str] | None:
        """The tables that it has touched, None where that is unknown."""
        return self._touched.pop(name, None)

    @property
    def known(self) -> dict[str, list[str]]:
        """What a position has to tell of those that are open."""
        return {name: sorted(tables) for name, tables in self._touched.items()}


def xa_name(statement: str) -> str:
    """The transaction's name in `XA START …`, `XA COMMIT …` or `XA ROLLBACK …`, as the servers write it."""
    name = statement.strip(" ;").split(maxsplit=2)[2]
    return name[: -len(ONE_PHASE)].rstrip() if name.upper().endswith(ONE_PHASE) else name
