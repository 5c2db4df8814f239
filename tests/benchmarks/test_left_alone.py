"""What is held against a platform that was left alone."""

from __future__ import annotations

from benchmarks.left_alone import of_messages
from softcart_assets.monitoring.notices import failing_message, over_message
from softcart_assets.monitoring.problems import Problem

AWAY = [
    Problem(f"check is_followed of raw/{name}", "no MongoDB answers", 1.0, "") for name in ("toys", "books")
]
WARNING = Problem("check gaps of raw/sales", "warning: 2 rows", 1.0, "")


def test_problems_that_were_told_once_and_once_that_they_are_over_are_as_they_should_be() -> None:
    told, over = failing_message(AWAY)[1], over_message({problem.key: 1.0 for problem in AWAY}, 121.0)[1]
    assert list(of_messages([failing_message([WARNING])[1], told, over])) == []
    assert list(of_messages([told])) != []
    assert list(of_messages([told, told, over])) != []
    assert list(of_messages([told, over, over])) != []
    assert list(of_messages([failing_message([WARNING])[1]])) == ["nobody was told that MongoDB was away"]
