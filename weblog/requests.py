"""Every line of the log with all its fields, as Parquet by the line's day, each part that was read a file a
day."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from exporting.storing import sweep, written
from sync.connections.psycopg import Cursor, execute_values
from sync.errors import SyncError
from sync.spec import Column
from sync.state import next_batch
from weblog.logs import LogStatus
from weblog.parsing import parse_lines
from weblog.reading import LogReader
from weblog.state import Commit, Part, State, gone, read_new

READER = "requests"
TABLE = "weblog.requests"
PART_BYTES = 64 << 20
"""What is parsed at once; memory is bounded by it."""
COLUMNS = (
    Column("line", "bigint", "Number of the line in its log, from 1 on"),
    Column("address", "text", "Address of the client; empty if the line does not begin with one"),
    Column("ident", "text", "Identity by RFC 1413"),
    Column("username", "text", "Who logged in"),
    Column("time", "timestamp", "Time of the request, in UTC; empty if the line has none"),
    Column("hour", "smallint", "Hour of the request, 0 to 23, in the log's own zone"),
    Column("method", "text", "Method of the request"),
    Column("path", "text", "What was requested, without its query"),
    Column("query", "text", "The query behind the path"),
    Column("protocol", "text", "Protocol of the request"),
    Column("status", "smallint", "Status of the answer"),
    Column("bytes", "bigint", "Bytes that were sent"),
    Column("referer", "text", "The page from which the client came"),
    Column("agent", "text", "What the client calls itself"),
    Column("device", "text", "phone, tablet, computer, robot or unknown"),
    Column("malformed", "text", "What is wrong with the line"),
    Column("raw", "text", "The line, where something is wrong with it"),
)
PAGES_HEADER = b"timestamp,megabytes\n"

_TABLES = """
CREATE TABLE IF NOT EXISTS weblog.days (day text PRIMARY KEY, is_counted boolean NOT NULL);
COMMENT ON TABLE weblog.days IS 'The days of the web log, and whether weblog.hours counts all of their lines';
"""


class Requests:
    """The parsed lines of the log in `folder`: `day=…/<part>.parquet`, and beside them what
    `weblog_html.csv` gets of each part."""

    def __init__(self, state: State, folder: Path) -> None:
        self._state = state
        self._folder = folder
        self._pages = folder / "pages"
        state.on_replaced = _recount

    def read(self, files: Sequence[Path], notes: list[str]) -> list[Part]:
        """Take the new lines of the log's `files`; returns the parts that were read. Malformed lines go to
        quarantine, too, by their number."""
        self._prepare()
        parts = {part.name for part in self._state.parts()}
        for day in self._folder.glob("day=*"):
            sweep(day, "*", parts)
        sweep(self._pages, "*", parts)

        def make(part: Part, name: str, chunks: Iterator[bytes]) -> Commit:
            with self._work() as work, parse_lines(chunks, part.first_line, work) as parsed:
                days = parsed.days()
                for day in days:
                    with written(self._file(day, part)) as path:
                        parsed.write_day(day, path)
                with written(self._pages / f"{part.name}.csv") as path:
                    parsed.write_pages(path)
                malformed = parsed.malformed()

            def commit(cursor: Cursor, _whole: Part) -> None:
                _mark(cursor, days)
                _quarantine(cursor, name, malformed)

            return commit

        return read_new(self._state, files, make, notes, PART_BYTES)

    def read_again(self, days: Collection[str], files: Sequence[Path]) -> list[str]:
        """Parse the lines of these days anew, part by part as they were read, from the logs that are still
        there. Returns the names of the logs that are gone, whose lines stay as they are."""
        self._prepare()
        parts = self._state.parts()
        there = {}
        for path in files:
            found = self._state.find(path, [])
            if found.status in (LogStatus.GOES_ON, LogStatus.UNCHANGED):
                there[found.log.number] = path
        for part in parts:
            if part.log in there and any(self._file(day, part).exists() for day in days):
                self._parse_again(part, there[part.log], days)
        with self._state.staging, self._state.staging.cursor() as cursor:
            _mark(cursor, days)
        return [log.name for log in self._state.logs() if log.number not in there]

    def _parse_again(self, part: Part, path: Path, days: Collection[str]) -> None:
        log = next(log for log in self._state.logs() if log.number == part.log)
        with (
            LogReader(path, log) as reader,
            self._work() as work,
            parse_lines(reader.exactly(part.start, part.stop), part.first_line, work) as parsed,
        ):
            for day in days:
                if self._file(day, part).exists():
                    with written(self._file(day, part)) as again:
                        parsed.write_day(day, again)

    def days(self) -> dict[str, bool]:
        """The days of the log, and whether all of their lines are counted."""
        with self._state.staging, self._state.staging.cursor() as cursor:
            cursor.execute('SELECT day, is_counted FROM weblog.days ORDER BY day COLLATE "C"')
            return dict(cursor.fetchall())

    def parquet(self, day: str | None = None) -> list[Path]:
        """The Parquet files of a day, or of all days, in the log's order."""
        days = [self._folder / f"day={day}"] if day else sorted(self._folder.glob("day=*"))
        names = [f"{part.name}.parquet" for part in self._state.parts()]
        return [folder / name for name in names for folder in days if (folder / name).exists()]

    def first(
        self, rows: int, days: Collection[str] | None = None
    ) -> tuple[list[str], list[tuple[object, ...]]]:
        """The names of the columns, and in them the first lines of the log, or of these days. Raises
        `SyncError` where their file is damaged."""
        import pyarrow.parquet as pq  # noqa: PLC0415

        batch = None
        for path in self._of_days(days)[:1]:
            with _whole(path):
                batch = next(pq.ParquetFile(path).iter_batches(rows), None)
        if batch is None:
            return [column.name for column in COLUMNS], []
        return batch.schema.names, list(zip(*(column.to_pylist() for column in batch.columns), strict=True))

    def lines_by_day(self, days: Collection[str] | None = None) -> dict[str, int]:
        """How many lines each day has, or each of these, by the files' own metadata. Raises `SyncError`
        where one of them is damaged."""
        import pyarrow.parquet as pq  # noqa: PLC0415

        found: dict[str, int] = {}
        for path in self._of_days(days):
            with _whole(path):
                lines = pq.read_metadata(path).num_rows
            found[_day(path)] = found.get(_day(path), 0) + lines
        return dict(sorted(found.items()))

    def _of_days(self, days: Collection[str] | None) -> list[Path]:
        return [path for path in self.parquet() if days is None or _day(path) in days]

    def pages(self) -> Iterator[bytes]:
        """The content of `weblog_html.csv`. Raises `SyncError` where a part's file is gone."""
        yield PAGES_HEADER
        for part in self._state.parts():
            try:
                with (self._pages / f"{part.name}.csv").open("rb") as file:
                    while content := file.read(1 << 20):
                        yield content
            except FileNotFoundError as error:
                raise gone(str(error.filename), READER) from None

    def _prepare(self) -> None:
        self._pages.mkdir(parents=True, exist_ok=True)
        with self._state.staging, self._state.staging.cursor() as cursor:
            cursor.execute("SELECT to_regclass('weblog.days') IS NULL")
            if cursor.fetchone() == (True,):
                cursor.execute(_TABLES)

    def _file(self, day: str, part: Part) -> Path:
        return self._folder / f"day={day}" / f"{part.name}.parquet"

    @contextmanager
    def _work(self) -> Iterator[Path]:
        """A folder for what does not stay, on the same disk; what a killed run left in its own goes first."""
        with ExitStack() as stack:
            for left in self._folder.glob(".work-*"):
                shutil.rmtree(left)
            yield Path(
                stack.enter_context(
                    tempfile.TemporaryDirectory(prefix=f".work-{os.getpid()}-", dir=self._folder)
                )
            )


def _day(path: Path) -> str:
    """The day of a Parquet file."""
    return path.parent.name.removeprefix("day=")


@contextmanager
def _whole(path: Path) -> Iterator[None]:
    import pyarrow as pa  # noqa: PLC0415

    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise SyncError(
            f"{path} cannot be read: {error}; let its day be parsed anew: dagster asset materialize -f"
            f" definitions.py --select weblog/requests --partition-range {_day(path)}...{_day(path)}"
        ) from error


def _recount(cursor: Cursor) -> None:
    """Whatever a log that is no more had counted."""
    cursor.execute("UPDATE weblog.days SET is_counted = false")


def _mark(cursor: Cursor, days: Collection[str]) -> None:
    """These days have lines that are not counted yet."""
    execute_values(
        cursor,
        "INSERT INTO weblog.days VALUES %s ON CONFLICT (day) DO UPDATE SET is_counted = excluded.is_counted",
        [(day, False) for day in sorted(days)],
    )


def _quarantine(cursor: Cursor, name: str, malformed: Sequence[tuple[int, str, str]]) -> None:
    if malformed:
        batch = next_batch(cursor)
        execute_values(
            cursor,
            "INSERT INTO quarantine.rejected_rows (table_name, key, reason, raw, batch) VALUES %s",
            [(TABLE, f"{name}:{number}", reason, raw, batch) for number, raw, reason in malformed],
        )
