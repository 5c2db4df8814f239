"""Large tables of production compared in parts, pass by pass, on real servers."""

from __future__ import annotations

import pytest

from sync.warehouses.comparison import TableComparison
from sync.warehouses.mirror import mirror
from sync.warehouses.postgresql.staging import PostgreSQLStaging
from sync.warehouses.rolling import Rolling
from sync.warehouses.schema import TableName
from sync.warehouses.verify import verify
from tests.integration.mirror.small_star import SmallStar

LEDGER, LINES = TableName("star", "ledger"), TableName("star", "lines")
TABLES = (LEDGER, LINES)
# Two portions of ten rows a pass, whatever the machine has time for.
SIZES = {LEDGER: 40, LINES: 30}
ROLLING = Rolling((), SIZES, rows=20, seconds=0, portion=10)
DDL = """
CREATE TABLE star.ledger (id bigint PRIMARY KEY, amount numeric(14,2), _batch bigint, _deleted boolean);
CREATE TABLE star.lines (id bigint, line integer, note text, _batch bigint, _deleted boolean,
    PRIMARY KEY (id, line));
INSERT INTO star.ledger SELECT i, i, {batch}, i % 5 = 0 FROM generate_series(1, 50) i;
INSERT INTO star.lines SELECT i, j, i || ' ' || j, {batch}, false
    FROM generate_series(1, 10) i, generate_series(1, 3) j;
"""


@pytest.fixture(autouse=True)
def mirrored(star: SmallStar) -> None:
    star.change(DDL)
    passed(star)


def passed(star: SmallStar, compare: bool = False) -> None:
    mirror(PostgreSQLStaging(star.staging), star.warehouse(), TABLES, "test", compare=compare)


def compared(star: SmallStar, rolling: Rolling | None = ROLLING) -> dict[TableName, TableComparison]:
    comparisons = verify(PostgreSQLStaging(star.staging), star.warehouse(), TABLES, rolling)
    return {comparison.table: comparison for comparison in comparisons}


def tamper(star: SmallStar, statement: str) -> None:
    with star.production.cursor() as cursor:
        cursor.execute(statement)


def test_passes_go_through_all_rows_by_turns_and_say_since_when(star: SmallStar) -> None:
    seen, oldest = {LEDGER: 0, LINES: 0}, []
    for _ in range(10):
        found = compared(star)
        for name, comparison in found.items():
            assert comparison.equal
            assert not comparison.is_whole
            seen[name] += comparison.rows[0]
        if all(comparison.oldest for comparison in found.values()):
            oldest.append(min(comparison.oldest for comparison in found.values() if comparison.oldest))
    assert seen[LEDGER] >= 2 * 40
    assert seen[LINES] >= 2 * 30
    # It is told from the end of the first round on, and moves on with the rounds.
    assert 2 < len(oldest) < 9
    assert oldest == sorted(oldest)
    assert oldest[0] < oldest[-1]


def test_tables_that_are_small_together_are_compared_whole(star: SmallStar) -> None:
    found = compared(star, Rolling((), SIZES, rows=1000, seconds=0, portion=10))
    assert [found[name].rows for name in TABLES] == [(40, 40), (30, 30)]
    assert all(comparison.is_whole and comparison.oldest for comparison in found.values())


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE star.ledger SET amount = 0 WHERE id = 48", "id=48 differs"),
        ("DELETE FROM star.ledger WHERE id = 1", "id=1 is missing"),
        ("INSERT INTO star.ledger VALUES (99, 1)", "id=99 should not be there"),
        ("INSERT INTO star.ledger VALUES (-1, 1)", "id=-1 should not be there"),
        ("UPDATE star.lines SET note = '' WHERE id = 7 AND line = 2", "id=7, line=2 differs"),
    ],
)
def test_what_was_changed_is_found_within_a_round_and_stays_red_until_it_is_repaired(
    star: SmallStar, statement: str, said: str
) -> None:
    tamper(star, statement)
    for _ in range(10):
        wrong = [comparison for comparison in compared(star).values() if not comparison.equal]
        if wrong:
            break
    assert [str(row) for comparison in wrong for row in comparison.first] == [said]
    for _ in range(3):
        found = [comparison for comparison in compared(star).values() if not comparison.equal]
        assert [str(row) for comparison in found for row in comparison.first] == [said]
    passed(star, compare=True)
    for _ in range(10):
        assert all(comparison.equal for comparison in compared(star).values())


def test_everything_is_compared_at_once_where_nobody_says_how_much(star: SmallStar) -> None:
    compared(star)
    tamper(star, "DELETE FROM star.ledger WHERE id IN (1, 49)")
    for found in (compared(star, None)[LEDGER], compared(star)[LEDGER]):
        assert [str(row) for row in found.first] == ["id=1 is missing", "id=49 is missing"]


def test_a_table_that_was_filled_anew_is_compared_whole(star: SmallStar) -> None:
    found = compared(star, Rolling({LEDGER}, SIZES, rows=20, seconds=0, portion=10))
    assert found[LEDGER].is_whole
    assert found[LEDGER].rows == (40, 40)


def test_rows_that_staging_changed_since_are_left_out_of_their_part(star: SmallStar) -> None:
    star.change("UPDATE star.ledger SET amount = -1, _batch = {batch} WHERE id % 7 = 0")
    for _ in range(10):
        assert all(comparison.equal for comparison in compared(star).values())
    passed(star)
    assert all(comparison.equal for comparison in compared(star, None).values())
