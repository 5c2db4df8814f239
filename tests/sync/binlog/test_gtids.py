"""Sets of transactions, in both dialects."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.errors import SyncError
from sync.sources.mysql.binlog.gtids import MariaDBGtids, MySQLGtids

A, B = "3e11fa47-71ca-11e1-9e33-c80aa9429562", "00000000-0000-0000-0000-000000000001"


@given(st.lists(st.integers(1, 40)), st.sets(st.integers(1, 40)))
def test_a_set_holds_what_was_added_and_misses_the_rest(added: list[int], wanted: set[int]) -> None:
    gtids, other = MySQLGtids(), MySQLGtids()
    for number in added:
        gtids.add(A, number)
    for number in wanted:
        other.add(A, number)
    assert {number for number in range(1, 41) if gtids.holds(A, number)} == set(added)
    missing = MySQLGtids(gtids.missing(str(other)))
    assert {number for number in range(1, 41) if missing.holds(A, number)} == wanted - set(added)
    assert str(MySQLGtids(str(gtids))) == str(gtids)


def test_a_set_of_mysql_is_read_as_the_server_prints_it() -> None:
    text = f"{B}:1-5:7:night:1-2,\n{A.upper()}:3"
    assert str(MySQLGtids(text)) == f"{B}:1-5:7,{B}:night:1-2,{A}:3"
    assert MySQLGtids("").missing(text) == str(MySQLGtids(text))


def test_a_set_is_encoded_as_half_open_intervals() -> None:
    encoded = MySQLGtids(f"{B}:1-5").encoded()
    assert encoded == (
        (1).to_bytes(8, "little") + bytes(15) + b"\x01" + b"".join(n.to_bytes(8, "little") for n in (1, 1, 6))
    )


def test_a_state_of_mariadb_covers_all_that_its_domains_had_before() -> None:
    gtids = MariaDBGtids("0-1-100,5-2-30")
    assert gtids.holds("0-1", 99) and gtids.holds("0-3", 100) and not gtids.holds("0-1", 101)
    assert gtids.follows("0-2", 101) and not gtids.follows("0-2", 102) and gtids.follows("9-1", 7)
    assert gtids.missing("0-1-101,5-2-3,7-1-1") == "0-1-101,7-1-1"
    gtids.add("0-4", 101)
    assert str(gtids) == "0-4-101,5-2-30"


@pytest.mark.parametrize("text", ["0-1", "abc", f"{A}"])
def test_what_is_no_set_is_refused(text: str) -> None:
    for kind in (MySQLGtids, MariaDBGtids):
        with pytest.raises(SyncError, match="is no GTID"):
            kind(text)
