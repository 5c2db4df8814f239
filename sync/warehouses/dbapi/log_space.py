"""Whether a change fits into the warehouse's log, where a system's log is bounded and can be asked.

A delta is one unit of work and never split, so one that outgrows the log would fail at its end, be rolled
back and fail again.
"""

from __future__ import annotations

from typing import Any

from sync.errors import SyncError
from sync.warehouses.dbapi.dialect import Dialect
from sync.warehouses.schema import TableName

# A row that is written is logged before and after, each image under a header and with the entries of its
# indexes; the server reserves as much again for rolling it back. An estimate on the safe side, for the true
# figure is known to the server alone:
# https://www.ibm.com/support/pages/method-estimation-log-space-needed-transactionworkload
IMAGES = 2
HEADER_BYTES = 150
RESERVED = 2
MIB = 1024 * 1024


def needed(rows: int, row_bytes: float) -> int:
    """Bytes of log that writing `rows` of this average size may take."""
    return int(rows * RESERVED * IMAGES * (row_bytes + HEADER_BYTES))


def refuse_what_does_not_fit(
    dialect: Dialect, connection: Any, table: TableName, rows: int, row_bytes: float
) -> None:
    """Raises `SyncError` where the log has no room for the change; a system that says nothing of its log is
    taken at its word."""
    if not rows or (available := dialect.log_space(connection)) is None:
        return
    wanted = needed(rows, row_bytes)
    if wanted > available:
        raise SyncError(
            f"production, {table}: {rows:,} rows change in one unit of work, which may take"
            f" {wanted / MIB:,.0f} MiB of the log, and it has {available / MIB:,.0f} MiB left; nothing was"
            f" written. Make the log larger ({dialect.log_settings}), or drop the table in production: the"
            f" next pass loads it anew, in portions that commit"
        )
