"""Rows that go to a warehouse by files: written once, counted, never where others lie, and taken away."""

from __future__ import annotations

import gzip
import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sync.errors import SyncError, TransientError
from sync.object_store import Place
from sync.warehouses.schema import TableName
from sync.warehouses.stage.formats import CsvGz, Format, Parquet
from sync.warehouses.stage.manifest import Manifest, StageFile
from sync.warehouses.stage.store import ObjectStage

TABLE = TableName("star", "fact_sales")
SCHEMA = pa.schema([("key", pa.int64()), ("name", pa.string()), ("at", pa.timestamp("us"))])
AT = datetime(2024, 1, 31, 12, 0, 0, 1)
CSV = CsvGz("@null@")


def written(stage: ObjectStage, format_: Format, portions: list[Any], file_bytes: int = 1 << 20) -> Manifest:
    upload = stage.upload(TABLE, 7, format_, file_bytes)
    for rows in portions:
        upload.write(rows)
    return upload.close()


def content(stage: ObjectStage, file: StageFile) -> bytes:
    with stage.read(file) as stream:
        return bytes(stream.read())


def test_parquet_has_every_row_in_files_of_the_size_that_was_asked_for(stage: ObjectStage) -> None:
    rows = [(number, f"name {number}", AT) for number in range(1000)]
    manifest = written(stage, Parquet(SCHEMA), [rows[:600], [], rows[600:]], file_bytes=10_000)
    assert [file.rows for file in manifest.files] == [600, 400]
    assert manifest.rows == 1000
    found = pa.concat_tables(pq.read_table(io.BytesIO(content(stage, file))) for file in manifest.files)
    assert found == pa.Table.from_pylist([dict(zip(SCHEMA.names, row, strict=True)) for row in rows], SCHEMA)


def test_csv_tells_null_from_an_empty_text_and_keeps_every_character(stage: ObjectStage) -> None:
    manifest = written(stage, CSV, [[("1", None, ""), ("2", 'say "ü",\r\n', "@null@")]])
    (file,) = manifest.files
    assert file.size == len(content(stage, file))
    assert gzip.decompress(content(stage, file)).decode() == (
        '"1",@null@,""\n"2","say ""ü"",\r\n","@null@"\n'
    )


def test_the_manifest_names_the_files_their_sizes_and_rows(stage: ObjectStage) -> None:
    manifest = written(stage, CSV, [[("1",)] * 3, [("2",)]], file_bytes=1)
    stored = json.loads(content(stage, StageFile(manifest.url, 0, 0)))
    assert stored == json.loads(manifest.as_json())
    assert [entry["meta"]["record_count"] for entry in stored["entries"]] == [3, 1]
    assert all(
        entry["mandatory"] and entry["url"].startswith(stage.place.root) for entry in stored["entries"]
    )
    assert manifest.url.rpartition("/")[0] in stored["entries"][0]["url"]


def test_an_attempt_without_rows_has_no_files(stage: ObjectStage) -> None:
    assert written(stage, CSV, []).files == ()


def test_no_path_is_ever_written_to_twice(stage: ObjectStage) -> None:
    one, other = (written(stage, CSV, [[("1",)]]) for _ in range(2))
    assert one.files[0].url != other.files[0].url
    assert f"/{TABLE}/7-" in one.url


def test_old_attempts_are_taken_away_and_everything_else_stays(stage: ObjectStage) -> None:
    manifest = written(stage, CSV, [[("1",)]])
    stranger = StageFile(f"{stage.place.root}/{TABLE}/part-of-somebody.csv", 0, 0)
    with stage.place.filesystem().open_output_stream(
        stranger.url.removeprefix(f"{stage.place.scheme}://")
    ) as stream:
        stream.write(b"theirs")
    assert stage.clean() == 0
    assert content(stage, manifest.files[0])
    assert stage.clean(datetime.now(UTC) + timedelta(hours=25)) == 1
    assert stage.clean(datetime.now(UTC) + timedelta(hours=25)) == 0
    with pytest.raises(SyncError):
        content(stage, manifest.files[0])
    assert content(stage, stranger) == b"theirs"


def test_an_attempt_can_be_taken_away_before_its_time(stage: ObjectStage) -> None:
    manifest = written(stage, CSV, [[("1",)]])
    stage.remove(manifest)
    with pytest.raises(SyncError):
        content(stage, manifest.files[0])
    stage.remove(manifest)


def test_a_stage_that_nobody_has_written_to_is_clean(stage: ObjectStage) -> None:
    assert stage.clean() == 0


@pytest.mark.parametrize("stage", ["s3"], indirect=True)
def test_a_bucket_that_is_not_there_is_named(stage: ObjectStage) -> None:
    away = ObjectStage(Place("s3://no-such-bucket/prefix"))
    with pytest.raises(SyncError, match="no-such-bucket") as refusal:
        written(away, CSV, [[("1",)]])
    assert not isinstance(refusal.value, TransientError)


def test_a_server_that_is_away_is_worth_another_try(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    with pytest.raises(TransientError, match=r"no S3 server answers at 127\.0\.0\.1:1"):
        written(ObjectStage(Place("s3://bucket/prefix")), CSV, [[("1",)]])


@pytest.mark.parametrize(
    ("text", "root"),
    [
        ("s3a://bucket/prefix/", "s3://bucket/prefix"),
        ("gs://bucket", "gs://bucket"),
        ("file:///srv/stage/", "/srv/stage"),
        ("/srv/stage/", "/srv/stage"),
    ],
)
def test_the_setting_names_a_folder_or_a_bucket(text: str, root: str) -> None:
    assert ObjectStage.from_environment({"SOFTCART_STAGE": text}).place.root == root


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"SOFTCART_STAGE": "ftp://host/path"},
        {"SOFTCART_STAGE": "s3://"},
        {"SOFTCART_STAGE": "/srv/stage", "SOFTCART_STAGE_HOURS": "soon"},
        {"SOFTCART_STAGE": "/srv/stage", "SOFTCART_STAGE_HOURS": "0"},
    ],
)
def test_a_setting_that_means_nothing_is_named(settings: dict[str, str]) -> None:
    with pytest.raises(SyncError, match="SOFTCART_STAGE"):
        ObjectStage.from_environment(settings)
