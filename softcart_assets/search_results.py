"""The tables of the results of search analytics and forecast, before there are any."""

from forecast.tables import SALES_FORECAST
from lake.results import ResultSource
from lake.search.tables import RESULTS
from sync.engine import run_passes
from sync.errors import SyncError
from sync.targets.postgresql.target import PostgreSQLTarget


def ensure_results(target: PostgreSQLTarget, run_id: str) -> None:
    """Make the tables of the results where they are missing, empty, so that reports can be built on them
    whether there ever were any or not. Raises `SyncError`."""
    import pyarrow as pa  # noqa: PLC0415

    states = target.states()
    missing = [table for table in (*RESULTS, SALES_FORECAST) if (table.schema, table.name) not in states]
    if missing:
        empty = {table.name: pa.table({column.name: [] for column in table.columns}) for table in missing}
        for _, outcome in run_passes(missing, ResultSource(empty, "nothing"), target, run_id):
            if isinstance(outcome, SyncError):
                raise outcome
