"""An object store in each of the places that can be had here."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest

from stack.cluster import Cluster
from stack.lake import KEYS
from stack.s3 import S3, STAGE_BUCKET
from sync.object_store import Place
from sync.warehouses.stage.store import ObjectStage


def start_s3(stack: Cluster, monkeypatch: pytest.MonkeyPatch) -> str:
    """Start the S3 server, which `stack` stops with its own, with its keys in `os.environ`; its bucket."""
    with stack.home.locked():
        S3(stack.home).start(stack.ports, lambda line: None)
    endpoint = f"http://127.0.0.1:{stack.ports.wanted()['s3']}"
    for name, value in {**KEYS, "AWS_ENDPOINT_URL": endpoint}.items():
        monkeypatch.setenv(name, value)
    return f"s3://{STAGE_BUCKET}"


@pytest.fixture(params=["folder", "s3"])
def stage(
    request: pytest.FixtureRequest, tmp_path: Path, stack: Cluster, monkeypatch: pytest.MonkeyPatch
) -> ObjectStage:
    """An empty one."""
    root = str(tmp_path) if request.param == "folder" else start_s3(stack, monkeypatch)
    return ObjectStage(Place.parse(f"{root}/{uuid4().hex}", "SOFTCART_STAGE"))
