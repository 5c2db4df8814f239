"""Every field of the log's lines, as Parquet by the line's day. DuckDB matches, types and writes; this
module hands it the lines and the classes of devices."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from weblog.devices import device_class

if TYPE_CHECKING:
    import pyarrow as pa
    from duckdb import DuckDBPyConnection

UNKNOWN_DAY = "unknown"
MEMORY_LIMIT = "256MB"
LINE_FEED = 10
_FEED = chr(LINE_FEED)
_CONTROLS = bytes(sorted({*range(32)} - {9, 10}))
_CONTROL = re.compile(rb"[\x00-\x08\x0b-\x1f]")

# Apache's combined format; the common one lacks the last two fields, and some servers add further ones.
_CLIENT = "[0-9A-Za-z:][0-9A-Za-z.:_%-]*"
_QUOTED = r'"((?:[^"\\]|\\.)*)"'
_LINE = (
    rf"^({_CLIENT}) (\S+) (.*?) \[([^\]]+)\] "
    rf'{_QUOTED} (\d{{3}}) (\d+|-)(?: {_QUOTED} {_QUOTED}(?: [^"\s]\S*| "(?:[^"\\]|\\.)*")*)?\s*$'
)
_FIELDS = ["address", "ident", "username", "time", "request", "status", "bytes", "referer", "agent"]
# Nearly all lines have no escaped quote and no blank where none is due. Split at quotes and blanks, they
# cost a third of what a match with its groups does; what stands before the request and behind it tells them.
_PLAIN = rf"^{_CLIENT} [^ ]+ [^ \[]+ \[[^\] ]+ [^\] ]+\]  \d\d\d (?:\d+|-) $"
_REQUEST = r"^([A-Za-z][A-Za-z_-]*) (.*?)(?: (HTTP/\S+))?$"
# What a malformed line may still tell.
_ADDRESS = rf"^({_CLIENT})[ \n]"
_TIME = r"^\S+ [^\[]*\[([^\]]+)\]"
_BRACKETED = 21  # characters of a time and the bracket before it
_LOCAL_TIME = "[%d/%b/%Y:%H:%M:%S"


def parse_lines(chunks: Iterator[bytes], first_line: int, work: Path) -> Parsed:
    """Match the lines of `chunks`, the first of which is number `first_line`; `work` is a folder for what
    does not stay. To be used in a `with` block."""
    import pyarrow as pa  # noqa: PLC0415

    schema = pa.schema([("line", pa.int64()), ("text", pa.string())])
    return Parsed(pa.RecordBatchReader.from_batches(schema, _batches(chunks, first_line, schema)), work)


def _batches(chunks: Iterator[bytes], first_line: int, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """The lines with their numbers, each text with its line feed, so that a chunk is taken as it is."""
    import numpy as np  # noqa: PLC0415
    import pyarrow as pa  # noqa: PLC0415

    for chunk in chunks:
        text = _as_text(chunk)
        ends = np.flatnonzero(np.frombuffer(text, np.uint8) == LINE_FEED) + 1
        offsets = np.concatenate(([0], ends)).astype(np.int32)
        numbers = np.arange(first_line, first_line + len(ends))
        texts = pa.StringArray.from_buffers(len(ends), pa.py_buffer(offsets), pa.py_buffer(text))
        yield pa.RecordBatch.from_arrays([pa.array(numbers), texts], schema=schema)
        first_line += len(ends)


def _as_text(chunk: bytes) -> bytes:
    """Whole lines in UTF-8 without controls: what is neither stands as `\\xNN`, and lines end with a line
    feed alone."""
    if b"\r" in chunk:
        chunk = chunk.replace(b"\r\n", b"\n")
    if len(chunk.translate(None, _CONTROLS)) != len(chunk):
        chunk = _CONTROL.sub(lambda match: b"\\x%02x" % match[0][0], chunk)
    if not chunk.isascii():
        chunk = chunk.decode("utf-8", "backslashreplace").encode()
    return chunk


class Parsed:
    """The lines of a part in a database of their own, which is gone when the block ends."""

    def __init__(self, lines: pa.RecordBatchReader, work: Path) -> None:
        import duckdb

        self._work = work
        self.database: DuckDBPyConnection = duckdb.connect(
            config={"memory_limit": MEMORY_LIMIT, "temp_directory": str(work), "threads": "2"}
        )
        self.database.execute("SET enable_progress_bar = false")
        self.database.register("lines", lines)
        self.database.execute(_PARSE)
        self._classify()

    def __enter__(self) -> Parsed:
        return self

    def __exit__(self, *_: object) -> None:
        self.database.close()

    def _classify(self) -> None:
        agents = self.database.execute("SELECT DISTINCT agent FROM parsed WHERE agent IS NOT NULL").fetchall()
        self.database.execute("CREATE TABLE devices (agent VARCHAR, device VARCHAR)")
        if agents:
            self.database.execute(
                "INSERT INTO devices SELECT unnest($agents), unnest($devices)",
                {
                    "agents": [agent for (agent,) in agents],
                    "devices": [device_class(agent) for (agent,) in agents],
                },
            )

    def days(self) -> dict[str, int]:
        """How many lines each day has; those without one are of the `UNKNOWN_DAY`."""
        found = self.database.execute(
            "SELECT date, count(*) FROM parsed GROUP BY date ORDER BY date"
        ).fetchall()
        return {str(date) if date else UNKNOWN_DAY: lines for date, lines in found}

    def write_day(self, day: str, path: Path) -> None:
        """The lines of a day as a Parquet file; their numbers tell the order."""
        date = None if day == UNKNOWN_DAY else day
        self.database.execute(_WRITE, {"date": date, "path": str(path)})

    def write_pages(self, path: Path) -> None:
        """Time and megabytes of the lines that asked for a page, as CSV without a header, in the log's
        order."""
        self.database.execute(_PAGES, {"path": str(path)})

    def malformed(self) -> list[tuple[int, str, str]]:
        """Number, text and fault of each line that is not as the format wants it."""
        found = self.database.execute(
            "SELECT line, raw, malformed FROM parsed WHERE malformed IS NOT NULL ORDER BY line"
        )
        return [(line, raw, reason) for line, raw, reason in found.fetchall()]


_PARSE = f"""
CREATE TABLE parsed AS
WITH cut AS (
    SELECT
        *,
        string_split(text, '"') AS quoted,
        string_split(quoted[1], ' ') AS before,
        string_split(quoted[3], ' ') AS behind,
        len(quoted) = 7 AND quoted[5] = ' ' AND quoted[7] = '{_FEED}' AND NOT contains(text, '\\')
            AND regexp_matches(quoted[1] || quoted[3], '{_PLAIN}') AS is_plain,
        CASE WHEN NOT is_plain THEN regexp_extract(text, '{_LINE}', {_FIELDS}) END AS odd
    FROM lines
    WHERE text <> '{_FEED}'
), told AS (
    SELECT
        line,
        text,
        is_plain OR odd['address'] <> '' AS fits,
        CASE
            WHEN is_plain THEN before[1]
            WHEN fits THEN odd['address']
            ELSE nullif(regexp_extract(text, '{_ADDRESS}', 1), '')
        END AS address,
        CASE WHEN is_plain THEN before[2] ELSE odd['ident'] END AS ident,
        CASE WHEN is_plain THEN before[3] ELSE odd['username'] END AS username,
        CASE WHEN is_plain THEN behind[2] ELSE odd['status'] END AS status,
        CASE WHEN is_plain THEN behind[3] ELSE odd['bytes'] END AS bytes,
        CASE WHEN is_plain THEN quoted[4] ELSE odd['referer'] END AS referer,
        CASE WHEN is_plain THEN quoted[6] ELSE odd['agent'] END AS agent,
        CASE
            WHEN is_plain THEN NULL
            WHEN fits THEN odd['time']
            ELSE regexp_extract(text, '{_TIME}', 1)
        END AS time_text,
        CASE WHEN is_plain THEN before[4] ELSE '[' || time_text[:20] END AS clock,
        CASE WHEN is_plain THEN before[5] ELSE time_text[22:] || ']' END AS zone,
        try_strptime(clock, '{_LOCAL_TIME}') AS local_time,
        CASE
            WHEN is_plain AND strlen(clock) <> {_BRACKETED} THEN NULL
            WHEN NOT is_plain AND time_text[21] <> ' ' THEN NULL
            WHEN zone = '+0000]' THEN 0
            WHEN regexp_matches(zone, '^[+-]\\d{{4}}\\]$') THEN
                (zone[1] || '1')::INTEGER * (zone[2:3]::INTEGER * 60 + zone[4:5]::INTEGER)
        END AS offset_minutes,
        CASE WHEN is_plain THEN quoted[2] WHEN fits THEN odd['request'] END AS request,
        string_split(request, ' ') AS words,
        len(words) = 3 AND starts_with(words[3], 'HTTP/') AND words[1] <> '' AS is_usual,
        CASE
            WHEN fits AND NOT is_usual
                THEN regexp_extract(request, '{_REQUEST}', ['method', 'target', 'protocol'])
        END AS unusual,
        CASE WHEN is_usual THEN words[1] ELSE unusual['method'] END AS method,
        CASE WHEN is_usual THEN words[2] ELSE unusual['target'] END AS target,
        CASE WHEN is_usual THEN words[3] ELSE unusual['protocol'] END AS protocol
    FROM cut
)
SELECT
    line,
    address,
    nullif(nullif(ident, '-'), '') AS ident,
    nullif(nullif(username, '-'), '') AS username,
    local_time - to_minutes(offset_minutes) AS time,
    CASE WHEN time IS NOT NULL THEN local_time::DATE END AS date,
    CASE WHEN time IS NOT NULL THEN hour(local_time)::UTINYINT END AS hour,
    nullif(method, '') AS method,
    strpos(target, '?') AS mark,
    nullif(CASE WHEN mark > 0 THEN target[:mark - 1] ELSE target END, '') AS path,
    CASE WHEN mark > 0 THEN target[mark + 1:] END AS query,
    nullif(protocol, '') AS protocol,
    CASE WHEN fits THEN status::USMALLINT END AS status,
    CASE WHEN fits THEN coalesce(TRY_CAST(told.bytes AS BIGINT), 0) END AS bytes,
    nullif(nullif(referer, '-'), '') AS referer,
    CASE WHEN fits THEN nullif(agent, '') END AS agent,
    CASE
        WHEN address IS NULL THEN 'it does not begin with an address'
        WHEN NOT fits THEN 'it is not in the combined or common log format'
        WHEN time IS NULL THEN
            'its time ' || coalesce(time_text, clock[2:] || ' ' || zone[:-2]) || ' is none'
    END AS malformed,
    CASE WHEN malformed IS NOT NULL THEN rtrim(text, '{_FEED}') END AS raw
FROM told
"""
_WRITE = """
COPY (
    SELECT
        line, address, ident, username, time, hour, method, path, query, protocol, status, bytes, referer,
        agent, CASE WHEN status IS NOT NULL THEN coalesce(device, 'unknown') END AS device, malformed, raw
    FROM parsed LEFT JOIN devices USING (agent)
    WHERE date IS NOT DISTINCT FROM $date
) TO $path (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)
"""
_PAGES = """
COPY (
    SELECT strftime(time, '%Y-%m-%dT%H:%M:%S+00:00'), printf('%.6f', bytes / 1000000)
    FROM parsed
    WHERE path LIKE '%.html' AND malformed IS NULL
) TO $path (FORMAT csv, HEADER false)
"""
