"""Files and buckets as a source: each strategy on a folder and on an S3 server."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import obstore
import pyarrow as pa
import pytest
from pyarrow import parquet

from stack.cluster import Cluster
from sync.engine import run_pass
from sync.errors import SyncError, TransientError
from sync.passes import Compare, Options, PassResult
from sync.sources.files.layout import Format, Layout
from sync.sources.files.source import FileSource, Place
from sync.sources.files.store import Store
from sync.spec import OBJECT_COLUMNS, Column, Strategy, Table
from sync.targets.postgresql.target import PostgreSQLTarget
from tests.integration.lake.conftest import lake_server
from tests.integration.sync_support import query

HEADER = "id,name,price,updated_at\n"
COLUMNS = (
    Column("id", "bigint"),
    Column("name", "text"),
    Column("price", "numeric(12,2)"),
    Column("updated_at", "timestamptz"),
)
FULL = Table("goods", "files", "goods", key=("id",), columns=COLUMNS)
APPENDED = Table(
    "goods",
    "files",
    "goods",
    key=("object_name", "object_line"),
    columns=(*COLUMNS, *OBJECT_COLUMNS[:2]),
    strategy=Strategy.APPEND,
)
LATEST = Table(
    "goods",
    "files",
    "goods",
    key=("id",),
    columns=(*COLUMNS, Column("is_deleted", "boolean"), *OBJECT_COLUMNS),
    cursor="updated_at",
    strategy=Strategy.LATEST,
    deleted_by="is_deleted",
)
CSV = Layout("*.csv", optional=frozenset({"updated_at", "is_deleted"}))


class Bucket:
    """A place with files in it, and passes from there."""

    def __init__(self, url: str, staging: str) -> None:
        self.url = url
        self.staging = staging
        self.layouts: tuple[Layout, ...] = (CSV,)

    def put(self, name: str, content: str | bytes) -> None:
        data = content.encode() if isinstance(content, str) else content
        obstore.put(Store(self.url)._store(), name, data)

    def remove(self, name: str) -> None:
        obstore.delete(Store(self.url)._store(), name)

    def run(self, table: Table, **options: Any) -> PassResult:
        source = FileSource({"goods": Place(self.url, self.layouts)})
        result = run_pass(table, source, PostgreSQLTarget(self.staging), "test", Options(**options))
        assert result.differences == ()
        return result

    def rows(self, columns: str = "id, name, price::text") -> list[tuple[Any, ...]]:
        return query(self.staging, f"SELECT {columns} FROM raw.goods WHERE NOT _deleted ORDER BY 1, 2")

    def rejected(self) -> list[tuple[Any, ...]]:
        return query(self.staging, "SELECT key, reason, raw FROM quarantine.rejected_rows ORDER BY key")


@pytest.fixture(params=["folder", "s3"])
def bucket(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    staging: str,
    stack: Cluster,
    monkeypatch: pytest.MonkeyPatch,
) -> Bucket:
    if request.param == "folder":
        return Bucket(str(tmp_path), staging)
    root = lake_server(stack, "s3", monkeypatch)
    return Bucket(f"{root}/{uuid4().hex}", staging)


@pytest.fixture
def folder(tmp_path: Path, staging: str) -> Bucket:
    return Bucket(str(tmp_path), staging)


def test_all_files_together_are_a_full_table(bucket: Bucket) -> None:
    bucket.put("a.csv", HEADER + '1,"one, and ""more""",1.50,\n2,two,2.00,2026-01-01 00:00:00+00\n')
    bucket.put("deep/b.csv", "PRICE,Name,ID\n3.25,drei,3\n")
    bucket.put("_hidden.csv", "no\n")
    bucket.put("deep/.part.csv", "no\n")
    bucket.put("c.csv._COPYING_", "no\n")
    assert bucket.run(FULL).inserted == 3
    assert bucket.rows() == [(1, 'one, and "more"', "1.50"), (2, "two", "2.00"), (3, "drei", "3.25")]
    unchanged = bucket.run(FULL)
    assert (unchanged.read, unchanged.batch, unchanged.rows) == (0, None, 3)
    bucket.put("a.csv", HEADER + "1,one,1.50,\n")
    changed = bucket.run(FULL)
    assert (changed.read, changed.updated, changed.deleted) == (2, 1, 1)


def test_a_listing_that_lacks_a_file_deletes_no_row_of_a_full_table_unless_asked_to(bucket: Bucket) -> None:
    bucket.put("a.csv", HEADER + "1,one,1,\n")
    bucket.put("b.csv", HEADER + "2,two,2,\n")
    bucket.run(FULL)
    bucket.remove("b.csv")
    with pytest.raises(SyncError, match=r"lacks 1 that its rows come from: b\.csv"):
        bucket.run(FULL)
    bucket.remove("a.csv")
    with pytest.raises(SyncError, match="lists 0 objects, and lacks 2"):
        bucket.run(FULL, compare=Compare.ALL)
    assert len(bucket.rows()) == 2
    assert bucket.run(FULL, reload=True).deleted == 2
    assert bucket.run(FULL).rows == 0


def test_an_appended_row_is_its_file_and_line_and_follows_a_file_that_is_replaced(bucket: Bucket) -> None:
    bucket.put("a.csv", HEADER + "1,one,1,\n1,one,1,\n3,three,3,\n")
    bucket.run(APPENDED)
    bucket.put("b.csv", HEADER + "1,one,1,\n")
    second = bucket.run(APPENDED)
    assert (second.read, second.inserted) == (1, 1)
    bucket.put("a.csv", HEADER + "7,seven,7,\n")
    third = bucket.run(APPENDED)
    assert (third.read, third.updated, third.deleted) == (1, 1, 2)
    assert bucket.rows("object_name, object_line, id") == [("a.csv", 2, 7), ("b.csv", 2, 1)]
    bucket.remove("a.csv")
    assert bucket.run(APPENDED).rows == 2
    assert bucket.run(APPENDED, compare=Compare.ALL).rows == 2


def test_a_late_upload_that_carries_an_earlier_time_is_found(folder: Bucket, tmp_path: Path) -> None:
    folder.put("b.csv", HEADER + "1,one,1,\n")
    folder.run(APPENDED)
    folder.put("a.csv", HEADER + "2,two,2,\n")
    long_ago = datetime(2020, 1, 1, tzinfo=UTC).timestamp()
    os.utime(tmp_path / "a.csv", (long_ago, long_ago))
    assert folder.run(APPENDED).inserted == 1


def test_a_broken_line_lies_in_quarantine_with_its_file_and_number(bucket: Bucket) -> None:
    bucket.layouts = (Layout("*.csv", times={"updated_at": "%m/%d/%Y %H:%M"}),)
    lines = [
        '1,"opened,1,2/24/2003 0:00',
        "2,two,2,2/24/2003 0:00",
        "3,three",
        "4,four,much,2/24/2003 0:00",
        "5,five,5,24/2/2003 0:00",
        '6,"goes\non",6,2/24/2003 0:00',
        "7,seven,7,2/24/2003 0:00",
    ]
    bucket.put("a.csv", (HEADER + "\n".join(lines)).encode() + b"\n8,caf\xe9,8,2/24/2003 0:00\n")
    result = bucket.run(APPENDED)
    assert (result.rows, result.quarantined) == (3, 5)
    assert bucket.rows("id, name, updated_at::date::text") == [
        (2, "two", "2003-02-24"),
        (6, "goes\non", "2003-02-24"),
        (7, "seven", "2003-02-24"),
    ]
    found = {key: reason for key, reason, _ in bucket.rejected()}
    assert found['["a.csv","2"]'] == "a quote is opened and not closed"
    assert found['["a.csv","4"]'] == "has 2 values where 4 are expected"
    assert found['["a.csv","5"]'].startswith("column price")
    assert "does not match format" in found['["a.csv","6"]']
    assert found['["a.csv","10"]'] == "column name holds bytes of another encoding"
    bucket.put("a.csv", HEADER + "\n".join(lines[1:2]))
    assert bucket.run(APPENDED).quarantined == 0


def test_the_broken_lines_of_a_latest_table_go_with_their_file(bucket: Bucket) -> None:
    bucket.put("a.csv", HEADER + "1,one,1,\n2,two\n")
    bucket.put("b.csv", "something,else\n1,2\n")
    assert bucket.run(LATEST).quarantined == 2
    keys = [(key, raw) for key, _, raw in bucket.rejected()]
    assert keys == [("a.csv:3", "2,two"), ("b.csv:1", "")]
    bucket.put("b.csv", HEADER + "2,two,2,\n")
    assert bucket.run(LATEST).quarantined == 1
    bucket.put("a.csv", HEADER + "1,one,1,\n")
    assert (bucket.run(LATEST).quarantined, len(bucket.rows())) == (0, 2)


def test_json_lines_and_parquet_keep_their_values(bucket: Bucket) -> None:
    bucket.layouts = (Layout("*.jsonl", Format.JSON_LINES), Layout("*.parquet", Format.PARQUET))
    bucket.put(
        "a.jsonl",
        '{"id": 1, "name": {"x": [1.10, true]}, "price": 1234567890.12}\n{"id": 2}\n[1]\n{"id"\n',
    )
    at = datetime(2026, 1, 1, 12, 30, tzinfo=UTC)
    table = pa.table({"id": [3], "name": ["drei"], "price": pa.array([2.5]), "updated_at": [at]})
    sink = pa.BufferOutputStream()
    parquet.write_table(table, sink)
    bucket.put("b.parquet", sink.getvalue().to_pybytes())
    assert bucket.run(FULL).quarantined == 2
    assert bucket.rows("id, name, price::text, updated_at") == [
        (1, '{"x": [1.10, true]}', "1234567890.12", None),
        (2, None, None, None),
        (3, "drei", "2.50", at),
    ]
    assert [key for key, _, _ in bucket.rejected()] == ["a.jsonl:3", "a.jsonl:4"]


def test_the_greatest_row_of_a_key_stands_whenever_it_comes(bucket: Bucket) -> None:
    """`updated_at` going back, ties, NULL, duplicates in a file and across files, a file twice."""
    day = "2026-01-0{} 00:00:00+00".format
    bucket.put("a.csv", HEADER + f"1,new,1,{day(3)}\n1,old,1,{day(1)}\n2,first,1,\n2,second,2,\n")
    bucket.run(LATEST)
    assert bucket.rows() == [(1, "new", "1.00"), (2, "second", "2.00")]
    bucket.put("b.csv", HEADER + f"1,late,9,{day(2)}\n2,third,3,\n")
    late = bucket.run(LATEST)
    assert (late.inserted, late.updated) == (0, 1)
    assert bucket.rows() == [(1, "new", "1.00"), (2, "third", "3.00")]
    bucket.put("c.csv", HEADER + f"1,tie,4,{day(3)}\n2,dated,4,{day(1)}\n")
    bucket.run(LATEST)
    assert bucket.rows() == [(1, "tie", "4.00"), (2, "dated", "4.00")]
    bucket.put("c again.csv", HEADER + f"1,tie,4,{day(3)}\n2,dated,4,{day(1)}\n")
    bucket.run(LATEST)
    assert bucket.rows() == [(1, "tie", "4.00"), (2, "dated", "4.00")]
    assert bucket.run(LATEST).batch is None
    assert bucket.run(LATEST, compare=Compare.ALL).batch is None


def test_a_latest_row_is_deleted_by_its_column_alone(folder: Bucket) -> None:
    with_deletes = "id,name,price,updated_at,is_deleted\n"
    folder.put("a.csv", HEADER + "1,one,1,2026-01-01\n2,two,2,2026-01-01\n")
    folder.run(LATEST)
    folder.put("b.csv", with_deletes + "1,one,1,2026-01-03,true\n3,three,3,2026-01-03,true\n")
    result = folder.run(LATEST)
    assert (result.rows, result.deleted) == (1, 2)
    folder.put("c.csv", HEADER + "1,late,1,2026-01-02\n")
    assert folder.run(LATEST).rows == 1
    folder.put("d.csv", with_deletes + "1,back,1,2026-01-04,false\n")
    folder.run(LATEST)
    assert folder.rows("id, name") == [(1, "back"), (2, "two")]
    folder.remove("a.csv")
    assert folder.run(LATEST).rows == 2


def test_latest_is_the_same_in_whatever_passes_the_files_come(folder: Bucket, tmp_path: Path) -> None:
    """Against a sort of all rows, on random files."""
    chance = random.Random(5)
    expected: dict[int, tuple[Any, ...]] = {}
    for number in chance.sample(range(24), 24):
        name, at = f"{number:02}.csv", 1_700_000_000 + number % 5
        lines = []
        for line in range(2, 12):
            key, day = chance.randint(1, 15), chance.choice([None, 1, 2, 3])
            lines.append(f"{key},{name}:{line},1,{f'2026-01-0{day} 00:00:00+00' if day else ''}")
            order = (day or 0, at, name, line)
            expected[key] = max(expected.get(key, (order,)), (order,))
        folder.put(name, HEADER + "\n".join(lines) + "\n")
        os.utime(tmp_path / name, (at, at))
        if chance.random() < 0.5:
            folder.run(LATEST)
    folder.run(LATEST)
    assert folder.rows("id, name") == [
        (key, f"{order[2]}:{order[3]}") for key, (order,) in sorted(expected.items())
    ]


def test_a_row_that_was_tampered_with_is_repaired_by_a_comparison(folder: Bucket) -> None:
    folder.put("a.csv", HEADER + "1,one,1,2026-01-01\n")
    folder.run(LATEST)
    query(folder.staging, "UPDATE raw.goods SET name = 'other' RETURNING 1")
    assert folder.run(LATEST, compare=Compare.ALL).updated == 1
    assert folder.rows() == [(1, "one", "1.00")]


def test_a_file_that_is_replaced_while_it_is_read_leaves_nothing(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket.put("a.csv", HEADER + "1,one,1,\n")
    listed = FileSource.listing

    def replaced_behind(source: FileSource, table: Table) -> Any:
        found = listed(source, table)
        bucket.put("a.csv", HEADER + "2,two,2,\n3,three,3,\n")
        return found

    with monkeypatch.context() as patch:
        patch.setattr(FileSource, "listing", replaced_behind)
        with pytest.raises(TransientError, match=r"a\.csv was replaced"):
            bucket.run(APPENDED)
    assert bucket.run(APPENDED).inserted == 2


def test_a_full_table_whose_file_lacks_a_column_is_left_as_it_is(folder: Bucket) -> None:
    folder.put("a.csv", "id,name\n1,one\n")
    with pytest.raises(SyncError, match="column price is expected, and its header has id, name"):
        folder.run(FULL)


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("ftp://host/x", "is no place for files"),
        ("s3://", "names no bucket"),
        ("https://user:secret@host/x.csv", "holds a login"),
        ("/no/such/folder", "no folder that can be read"),
    ],
)
def test_a_place_that_is_none_is_named(url: str, complaint: str) -> None:
    with pytest.raises(SyncError, match=complaint) as found:
        Store(url).listing()
    assert "secret" not in str(found.value)


def test_one_file_is_read_from_the_web(tmp_path: Path, staging: str, web: Callable[[Path], str]) -> None:
    (tmp_path / "a.csv").write_text(HEADER + "1,one,1,\n")
    bucket = Bucket(f"{web(tmp_path)}/a.csv", staging)
    assert bucket.run(FULL).inserted == 1
    assert bucket.run(FULL).read == 0
    (tmp_path / "a.csv").write_text(HEADER + "1,one,1,\n2,two,2,\n")
    assert bucket.run(FULL).inserted == 1


@pytest.fixture
def web() -> Any:
    """Serves a folder on loopback."""
    import threading
    from functools import partial
    from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

    servers = []

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    def serve(root: Path) -> str:
        server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(root)))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()
