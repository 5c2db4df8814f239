"""Exports in a bucket."""

from __future__ import annotations

from pathlib import Path

import pytest

from exporting.storing import written
from softcart_assets.exports.files import exports_folder, file_metadata
from stack.cluster import Cluster
from sync.errors import SyncError
from sync.object_store import Place
from tests.integration.stage.conftest import start_s3


@pytest.fixture
def place(stack: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    root = f"{start_s3(stack, monkeypatch)}/{tmp_path.name}"
    monkeypatch.setenv("SOFTCART_EXPORTS", root)
    monkeypatch.setenv("SOFTCART_HOME", str(tmp_path))
    return Place.parse(root, "SOFTCART_EXPORTS")


def export(text: str) -> str:
    path = exports_folder() / "reports" / "sales.csv"
    with written(path) as beside:
        beside.write_text(text)
    return str(file_metadata(path)["dagster/uri"])


def test_an_export_is_in_the_bucket_under_its_own_name_and_replaced_there(place: Place) -> None:
    for text in ("country,sales\n", "country,sales\nPeru,1\n"):
        assert export(text) == f"{place.root}/reports/sales.csv"
        with place.filesystem().open_input_stream(f"{place.path}/reports/sales.csv") as stored:
            assert stored.read().decode() == text


def test_a_bucket_that_is_not_there_is_named(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOFTCART_EXPORTS", "s3://no-such-bucket/exports")
    with pytest.raises(SyncError, match="s3://no-such-bucket/exports"):
        export("lost")


def test_a_scheme_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOFTCART_EXPORTS", "ftp://host/exports")
    with pytest.raises(SyncError, match="SOFTCART_EXPORTS is 'ftp://host/exports': give a path, s3://"):
        exports_folder()
