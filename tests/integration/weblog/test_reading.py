"""The log read on as it grows and rotates: each line once, whatever happens in between."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import duckdb
import psycopg2
import pytest

from sync.connections.postgresql import connect_postgresql
from sync.errors import SyncError
from tests.integration.landing.killing import Fuse, killed_again_and_again
from tests.weblog.lines import COMPUTER, PHONE, ROBOT, line
from weblog import addresses, requests
from weblog.addresses import Addresses
from weblog.files import log_files
from weblog.requests import Requests
from weblog.state import State
from weblog.traffic import count


class WebLog:
    """A landing folder, a staging database, and both readers of the log."""

    def __init__(self, staging: psycopg2.extensions.connection, landing: Path, work: Path) -> None:
        self.staging = staging
        self.landing = landing
        self.path = landing / "accesslog.txt"
        self.notes: list[str] = []
        self._addresses = State(staging, addresses.READER)
        self._requests = State(staging, requests.READER)
        self.addresses = Addresses(self._addresses, work / "addresses")
        self.requests = Requests(self._requests, work / "requests")

    def read(self) -> None:
        self.notes = []
        files = log_files(self.landing)
        with self._addresses.held():
            self.addresses.read(files, self.notes)
        with self._requests.held():
            self.requests.read(files, [])
            count(self.staging, self.requests)

    def found(self) -> list[str]:
        """All addresses; the requests and the pages have to agree with them."""
        content = b"".join(self.addresses.chunks()).decode().splitlines()
        if files := [str(path) for path in self.requests.parquet()]:
            [(rows,)] = duckdb.execute("SELECT count(*) FROM read_parquet($f)", {"f": files}).fetchall()
            assert rows == len(content)
        pages = b"".join(self.requests.pages()).decode().splitlines()
        assert len(pages) == 1 + len(content)
        [(counted,)] = self.rows("SELECT coalesce(sum(requests), 0)::int FROM weblog.hours")
        assert counted == len(content)
        return content

    def rows(self, query: str) -> list[tuple[object, ...]]:
        with self.staging.cursor() as cursor:
            cursor.execute(query)
            return cursor.fetchall()


@pytest.fixture
def weblog(staging: str, tmp_path: Path) -> Iterator[WebLog]:
    landing = tmp_path / "landing"
    landing.mkdir()
    with closing(connect_postgresql(staging)) as connection:
        yield WebLog(connection, landing, tmp_path / "work")


def lines(*numbers: int) -> str:
    return "".join(line(f"198.18.0.{number}") for number in numbers)


def addresses_of(*numbers: int) -> list[str]:
    return [f"198.18.0.{number}" for number in numbers]


def test_without_a_log_everything_is_empty(weblog: WebLog) -> None:
    weblog.read()
    assert weblog.found() == []
    assert b"".join(weblog.requests.pages()) == b"timestamp,megabytes\n"


def test_a_log_that_grows_is_read_on_and_a_half_written_line_waits(weblog: WebLog) -> None:
    half = lines(3)
    weblog.path.write_text(lines(1, 1, 2) + half[:60])
    weblog.read()
    assert weblog.found() == addresses_of(1, 1, 2)
    assert weblog.notes == ["accesslog.txt: its last line is not whole yet and waits for its end"]
    weblog.read()
    assert weblog.found() == addresses_of(1, 1, 2)
    with weblog.path.open("a") as file:
        file.write(half[60:] + lines(1)[:-1])
    weblog.read()
    assert weblog.found() == addresses_of(1, 1, 2, 3, 1)
    with weblog.path.open("a") as file:
        file.write("\n" + lines(4))
    weblog.read()
    assert weblog.found() == addresses_of(1, 1, 2, 3, 1, 4)
    assert weblog.rows("SELECT DISTINCT lines FROM weblog.logs") == [(6,)]


def test_a_rotation_loses_and_repeats_nothing_also_when_the_old_part_is_packed(weblog: WebLog) -> None:
    weblog.path.write_text(lines(1, 2))
    weblog.read()
    with weblog.path.open("a") as file:
        file.write(lines(3))
    weblog.path.rename(weblog.landing / "accesslog.txt.1")
    weblog.path.write_text(lines(4))
    weblog.read()
    assert weblog.found() == addresses_of(1, 2, 3, 4)
    packed = gzip.compress((weblog.landing / "accesslog.txt.1").read_bytes())
    (weblog.landing / "accesslog.txt.2.gz").write_bytes(packed)
    weblog.path.rename(weblog.landing / "accesslog.txt.1")
    weblog.path.write_text(lines(5))
    weblog.read()
    assert weblog.found() == addresses_of(1, 2, 3, 4, 5)
    (weblog.landing / "accesslog.txt.2.gz").unlink()
    weblog.read()
    assert weblog.found() == addresses_of(1, 2, 3, 4, 5)


def test_parts_that_were_rotated_before_the_first_run_come_in_the_order_of_their_age(weblog: WebLog) -> None:
    (weblog.landing / "accesslog.txt-20150516.gz").write_bytes(gzip.compress(lines(1).encode()))
    (weblog.landing / "accesslog.txt.10").write_text(lines(2))
    (weblog.landing / "accesslog.txt.2.gz").write_bytes(gzip.compress(lines(3)[:-1].encode()))
    weblog.path.write_text(lines(4))
    (weblog.landing / "accesslog.txt.bak").write_text(lines(9))
    weblog.read()
    assert weblog.found() == addresses_of(1, 2, 3, 4)


def test_the_same_log_given_twice_is_read_once(weblog: WebLog) -> None:
    weblog.path.write_text(lines(1, 2))
    shutil.copy(weblog.path, weblog.landing / "accesslog.txt.1")
    (weblog.landing / "accesslog.txt.2.gz").write_bytes(gzip.compress(lines(1, 2).encode()))
    weblog.read()
    assert weblog.found() == addresses_of(1, 2)


def test_a_log_that_was_copied_and_truncated_goes_on(weblog: WebLog) -> None:
    weblog.path.write_text(lines(1, 2))
    weblog.read()
    shutil.copy(weblog.path, weblog.landing / "accesslog.txt.1")
    inode = weblog.path.stat().st_ino
    weblog.path.write_text(line("198.18.0.3", time="18/May/2015:00:00:01 +0000"))
    assert weblog.path.stat().st_ino == inode
    weblog.read()
    assert weblog.found() == addresses_of(1, 2, 3)


def test_a_log_that_was_changed_where_it_had_been_read_is_read_anew(weblog: WebLog) -> None:
    begin = "".join(line("198.18.0.1") for _ in range(20))
    weblog.path.write_text(begin + "garbage\n" + lines(2))
    weblog.read()
    weblog.path.write_text(begin + lines(3, 4))
    weblog.read()
    assert weblog.found() == addresses_of(*[1] * 20, 3, 4)
    assert "was changed where it had been read already" in weblog.notes[0]
    assert weblog.rows("SELECT key FROM quarantine.rejected_rows") == []


def test_malformed_lines_are_in_quarantine_by_their_numbers(weblog: WebLog) -> None:
    weblog.path.write_text(lines(1) + lines(2)[:-9] + "\n" + lines(3))
    weblog.read()
    with weblog.path.open("a") as file:
        file.write(line("198.18.0.4", time="no time"))
    weblog.read()
    assert weblog.rows("SELECT table_name, key, reason FROM quarantine.rejected_rows ORDER BY key") == [
        ("weblog.requests", "accesslog.txt:2", "it is not in the combined or common log format"),
        ("weblog.requests", "accesslog.txt:4", "its time no time is none"),
    ]
    content = b"".join(weblog.addresses.chunks()).decode().splitlines()
    assert content == addresses_of(1, 2, 3, 4)
    assert set(weblog.requests.days()) == {"2015-05-17", "unknown"}


def test_hours_are_counted_with_robots_apart(weblog: WebLog) -> None:
    eleven = "17/May/2015:11:00:00 +0200"
    weblog.path.write_text(
        line("a.example", agent=PHONE, sent="10")
        + line("a.example", agent=COMPUTER, status=404, sent="-")
        + line("::1", agent=ROBOT, sent="5", referer="http://a/?b")
        + line("::1", time=eleven, agent="-", sent="1", referer="http://a/?c")
    )
    weblog.read()
    assert weblog.rows(
        "SELECT day::text, hour, requests, robot_requests, visitors, robots, errors, bytes,"
        " phone, tablet, computer, unknown FROM weblog.hours ORDER BY hour"
    ) == [
        ("2015-05-17", 10, 3, 1, 1, 1, 1, 15, 1, 0, 1, 0),
        ("2015-05-17", 11, 1, 0, 1, 0, 0, 1, 0, 0, 0, 1),
    ]
    assert weblog.rows("SELECT rank, page, requests, robot_requests, visitors FROM weblog.pages") == [
        (1, "/index.html", 3, 1, 2)
    ]
    assert weblog.rows("SELECT rank, referer, requests, robot_requests FROM weblog.referers") == [
        (1, "http://a/", 1, 1)
    ]


def test_days_are_parsed_anew_from_the_logs_that_are_there(weblog: WebLog) -> None:
    other = line("198.18.0.2", time="18/May/2015:10:00:00 +0000")
    weblog.path.write_text(lines(1) + other + lines(3))
    weblog.read()
    [first, second] = weblog.requests.parquet()
    kept = second.stat().st_mtime_ns
    first.write_bytes(b"spoilt")
    assert weblog.requests.read_again(["2015-05-17"], log_files(weblog.landing)) == []
    count(weblog.staging, weblog.requests)
    assert weblog.found() == addresses_of(1, 2, 3)
    assert second.stat().st_mtime_ns == kept
    weblog.path.unlink()
    assert weblog.requests.read_again(["2015-05-17"], []) == ["accesslog.txt"]
    assert weblog.found() == addresses_of(1, 2, 3)


def test_a_file_that_is_gone_is_named_with_the_way_out(weblog: WebLog, tmp_path: Path) -> None:
    weblog.path.write_text(lines(1))
    weblog.read()
    shutil.rmtree(tmp_path / "work" / "addresses")
    with pytest.raises(SyncError, match=r"is gone, .* DELETE FROM weblog.logs WHERE reader = 'addresses'"):
        list(weblog.addresses.chunks())


def read_in_process(fuse: Fuse, staging_url: str, landing: Path, work: Path) -> None:
    with closing(connect_postgresql(staging_url, cursor_factory=fuse.postgresql())) as connection:
        replace = Path.replace

        def burning(self: Path, target: Path) -> Path:
            fuse.burn()
            moved = replace(self, target)
            fuse.burn()
            return moved

        Path.replace = burning  # type: ignore[method-assign, assignment]
        WebLog(connection, landing, work).read()


def test_killed_at_any_step_and_run_again_each_line_is_there_once(
    weblog: WebLog, staging: str, tmp_path: Path
) -> None:
    weblog.path.write_text(lines(1, 2) + line("198.18.0.3", time="18/May/2015:00:00:01 +0000"))
    weblog.read()
    weblog.path.rename(weblog.landing / "accesslog.txt.1")
    weblog.path.write_text(lines(4))
    assert killed_again_and_again(read_in_process, staging, weblog.landing, tmp_path / "work", stride=4) > 8
    assert weblog.found() == addresses_of(1, 2, 3, 4)
    left = [path for path in (tmp_path / "work").rglob("*") if path.name.startswith(".") and path.is_file()]
    weblog.read()
    assert [path for path in left if path.exists()] == []
