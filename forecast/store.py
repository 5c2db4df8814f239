"""What the forecast keeps in staging, schema `forecast`: what stands, and what was predicted when.

`state` has one JSON value a subject, so that a run with nothing new learns that from one query. `issued`
keeps each month's prediction as it was made last before the month began, which drift is measured against.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from forecast.drift import Drift, measure_drift
from forecast.intervals import LEVEL
from forecast.model import Predicted
from forecast.months import period
from forecast.series import TOTAL, History, MonthlySales
from sync.connections.postgresql import postgresql_errors
from sync.connections.psycopg import execute_values
from sync.errors import SyncError

if TYPE_CHECKING:
    from sync.connections.psycopg import Connection

MONTHS_OF_DRIFT = 12
TABLES = """
    CREATE SCHEMA IF NOT EXISTS forecast;
    CREATE TABLE IF NOT EXISTS forecast.state (
        subject text PRIMARY KEY, value jsonb NOT NULL, changed_at timestamptz NOT NULL
    );
    COMMENT ON TABLE forecast.state IS 'What stands: trained model, champion, what was looked at last';
    CREATE TABLE IF NOT EXISTS forecast.issued (
        through text, period text, category text, PRIMARY KEY (through, period, category),
        sales numeric NOT NULL, lower numeric NOT NULL, upper numeric NOT NULL,
        model text NOT NULL, issued_at timestamptz NOT NULL
    );
    COMMENT ON TABLE forecast.issued IS 'Each forecast as it was issued last with a history up to that month';
    COMMENT ON COLUMN forecast.issued.through IS 'The last month of the history that it was made from';
"""
HISTORY = """
    SELECT year, month, category, total_sales FROM reports.sales_by_month_category WHERE NOT _deleted
    ORDER BY year, month, category
"""
SOLD_ON = """
    SELECT DISTINCT calendar.date
    FROM (SELECT DISTINCT date_key FROM aggregates.sales_by_day WHERE NOT _deleted) AS sale
    INNER JOIN star.dim_date AS calendar ON calendar.date_key = sale.date_key
    WHERE NOT calendar._deleted AND calendar.date IS NOT NULL
    ORDER BY calendar.date
"""
# Of the forecasts of a month the last one that was made before it began.
CAME = """
    SELECT DISTINCT ON (period) period, lower, upper FROM forecast.issued
    WHERE category = %s AND through < period AND period <= %s
    ORDER BY period DESC, through DESC LIMIT %s
"""


class Store:
    """Staging as the forecast sees it, over a connection in autocommit mode."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        with self._cursor() as cursor:
            cursor.execute("SELECT to_regclass('forecast.issued') IS NULL")
            if cursor.fetchone() == (True,):
                cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('softcart forecast', 0))")
                cursor.execute(TABLES)

    def read(self, subject: str) -> dict[str, Any]:
        """What is known of a subject, nothing at first."""
        with self._cursor() as cursor:
            cursor.execute("SELECT value FROM forecast.state WHERE subject = %s", (subject,))
            row = cursor.fetchone()
            return dict(row[0]) if row else {}

    def write(self, subject: str, value: dict[str, Any]) -> None:
        with self._cursor() as cursor:
            cursor.execute(
                "INSERT INTO forecast.state VALUES (%s, %s, clock_timestamp()) ON CONFLICT (subject)"
                " DO UPDATE SET value = excluded.value, changed_at = excluded.changed_at",
                (subject, json.dumps(value)),
            )

    def mark(self, today: dt.date) -> str:
        """Changes when the monthly sales or the month do.

        Raises `SyncError` where staging has no monthly sales yet.
        """
        with self._cursor() as cursor:
            cursor.execute("SELECT to_regclass('reports.sales_by_month_category') IS NULL")
            if cursor.fetchone() == (True,):
                raise SyncError(
                    "the forecast reads reports.sales_by_month_category, which staging does not have:"
                    " materialize reports/sales_by_month_category"
                )
            cursor.execute(
                "SELECT id::text || '/' || sync.table_batch('reports.sales_by_month_category')"
                " FROM sync.identity"
            )
            (batch,) = cursor.fetchone() or ("",)
        return f"{batch}/{today:%Y-%m}"

    def sales(self) -> tuple[list[MonthlySales], list[dt.date]]:
        """Monthly sales by category, and the days with any."""
        with self._cursor() as cursor:
            cursor.execute(HISTORY)
            rows = [MonthlySales(year, month, name, float(amount)) for year, month, name, amount in cursor]
            cursor.execute(SOLD_ON)
            return rows, [day for (day,) in cursor]

    def issue(self, through: str, model: str, rows: Sequence[Predicted]) -> None:
        """Keep a forecast in the place of what was issued from a history up to the same month."""
        with self._cursor() as cursor:
            cursor.execute("DELETE FROM forecast.issued WHERE through = %s", (through,))
            execute_values(
                cursor,
                "INSERT INTO forecast.issued VALUES %s",
                [
                    (through, row.period, row.category, *map(str, (row.sales, row.lower, row.upper)), model)
                    for row in rows
                ],
                template="(%s, %s, %s, %s::numeric, %s::numeric, %s::numeric, %s, clock_timestamp())",
            )

    def issued(self, through: str) -> list[tuple[str, str, str, str, str, str]]:
        """The forecast made from a history up to a month: period, category, sales, lower, upper, model."""
        with self._cursor() as cursor:
            cursor.execute(
                "SELECT period, category, sales::text, lower::text, upper::text, model FROM forecast.issued"
                " WHERE through = %s ORDER BY period, category",
                (through,),
            )
            return list(cursor)

    def drift(self, history: History) -> Drift:
        """How the total of the last months fits what was predicted for them."""
        panel = history.panel
        totals = dict(
            zip(map(period, range(panel.first, panel.end)), panel.values.sum(axis=0).tolist(), strict=True)
        )
        with self._cursor() as cursor:
            cursor.execute(CAME, (TOTAL, period(panel.end - 1), MONTHS_OF_DRIFT))
            inside = [
                float(lower) <= totals[month] <= float(upper)
                for month, lower, upper in cursor
                if month in totals
            ]
        return measure_drift(inside, LEVEL)

    @contextmanager
    def _cursor(self) -> Iterator[Any]:
        with postgresql_errors("staging"), self._connection, self._connection.cursor() as cursor:
            yield cursor
