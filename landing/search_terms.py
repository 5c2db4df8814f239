"""Land what visitors searched for in staging."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from landing.csv_reader import Row
from landing.files import SEARCH_TERMS
from landing.raw_lines import land_lines
from landing.result import LandingResult
from sync.connections.psycopg import Connection


def land_search_terms(
    folder: Path | None, staging: Connection, max_rejected_share: float | None = None
) -> LandingResult:
    """Land `searchterms.csv` from `folder`, if it is there; a line on a day that no calendar has is rejected.

    Raises `LandingError` as `land_lines` does.
    """
    return land_lines(SEARCH_TERMS, _check_day, folder, staging, max_rejected_share)


def _check_day(row: Row) -> None:
    day, month, year, _ = row
    try:
        date(int(str(year)), int(str(month)), int(str(day)))
    except ValueError as error:
        raise ValueError(f"day {day}, month {month}, year {year} is no date: {error}") from None
