"""A result accounts for every line, or is none."""

import pytest

from landing.result import LandingError, LandingResult


def test_figures_that_lose_a_line_are_refused() -> None:
    with pytest.raises(LandingError, match=r"oltpdata\.csv: of 10 lines 9 are accounted for"):
        LandingResult("oltpdata.csv", "shop.sales_data", True, rows_in_file=10, inserted=8, quarantined=1)


def test_a_result_survives_being_remembered() -> None:
    result = LandingResult(
        "a.csv", "shop.a", True, 3, inserted=1, conflicts=1, quarantined=1, conflict_keys=("7",), note="é"
    )
    assert LandingResult.from_json(result.to_json()) == result


def test_a_file_met_again_has_inserted_nothing() -> None:
    result = LandingResult("a.csv", "shop.a", True, 3, inserted=1, updated=1, quarantined=1)
    again = result.repeated()
    assert (again.inserted, again.updated, again.unchanged, again.quarantined) == (0, 0, 2, 1)
