"""Landing files in a bucket."""

from __future__ import annotations

import csv
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO

import dagster as dg
import pymysql
import pytest

from demo import generate
from landing.bucket import brought, is_bucket
from landing.result import LandingError
from softcart_assets.build import build_defs
from stack import reachable
from stack.cluster import Cluster
from sync.errors import SyncError
from sync.objects import SourceObject
from sync.sources.files.store import Store
from tests.integration.stage.conftest import start_s3
from tests.integration.sync_support import query


@pytest.fixture
def url(stack: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A prefix of its own, which nothing has been put under."""
    return f"{start_s3(stack, monkeypatch)}/landing/{tmp_path.name}"


@pytest.fixture
def put(url: str, tmp_path: Path) -> Callable[[str, str], None]:
    def put(name: str, text: str) -> None:
        path = tmp_path / "put"
        path.write_text(text)
        Store(url).put(name, path)

    return put


def contents(folder: Path) -> dict[str, str]:
    return {p.relative_to(folder).as_posix(): p.read_text() for p in folder.rglob("*") if p.is_file()}


def test_the_folder_follows_the_bucket_and_fetches_what_is_new(
    url: str, put: Callable[[str, str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    put("customers.csv", "one")
    put("orders/2026.csv", "two")
    assert contents(brought(url, home)) == {"customers.csv": "one", "orders/2026.csv": "two"}

    fetched: list[str] = []
    opened = Store.open
    monkeypatch.setattr(Store, "open", lambda store, each: fetched.append(each.name) or opened(store, each))
    brought(url, home)
    assert fetched == []
    put("customers.csv", "ONE")  # of the same length
    put("inventory.csv", "three")
    assert contents(brought(url, home))["customers.csv"] == "ONE"
    assert fetched == ["customers.csv", "inventory.csv"]

    Store(url)._store().delete("inventory.csv")
    (home / "files" / "orders" / "2026.csv").unlink()
    assert contents(brought(url, home)) == {"customers.csv": "ONE", "orders/2026.csv": "two"}


def test_another_bucket_takes_the_place_of_the_first(
    url: str, put: Callable[[str, str], None], tmp_path: Path
) -> None:
    put("a/customers.csv", "one")
    put("b/customers.csv", "two")
    home = tmp_path / "home"
    assert contents(brought(f"{url}/a", home)) == {"customers.csv": "one"}
    assert contents(brought(f"{url}/b", home)) == {"customers.csv": "two"}


def test_a_process_that_was_killed_while_it_fetched_leaves_nothing_old(
    url: str, put: Callable[[str, str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    put("customers.csv", "one")
    put("inventory.csv", "uno")
    brought(url, home)
    put("customers.csv", "two")
    put("inventory.csv", "due")
    opened = Store.open

    def dies(store: Store, each: SourceObject) -> AbstractContextManager[BinaryIO]:
        if each.name == "inventory.csv":
            raise KeyboardInterrupt
        return opened(store, each)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(Store, "open", dies)
        brought(url, home)
    put("customers.csv", "one")  # as it was before
    assert contents(brought(url, home)) == {"customers.csv": "one", "inventory.csv": "due"}


def test_a_bucket_without_files_is_named_and_what_was_brought_stays(
    url: str, put: Callable[[str, str], None], tmp_path: Path
) -> None:
    put("customers.csv", "one")
    home = tmp_path / "home"
    brought(url, home)
    with pytest.raises(LandingError, match=f"{url}/typo holds no file: correct SOFTCART_LANDING"):
        brought(f"{url}/typo", home)
    assert contents(home / "files") == {"customers.csv": "one"}


def test_a_name_that_is_a_folder_as_well_is_refused(
    url: str, put: Callable[[str, str], None], tmp_path: Path
) -> None:
    put("customers.csv", "one")
    put("customers.csv/part", "two")
    with pytest.raises(
        LandingError, match=r"customers\.csv/part is a file's name there and a folder's as well"
    ):
        brought(url, tmp_path / "home")


def test_an_address_of_another_kind_is_refused() -> None:
    assert not is_bucket("landing")
    with pytest.raises(SyncError, match="SOFTCART_LANDING is 'ftp://host/landing': give a path, s3://"):
        is_bucket("ftp://host/landing")


@pytest.mark.usefixtures("url")
def test_make_run_names_a_bucket_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOFTCART_LANDING", "s3://no-such-bucket/landing")
    causes = reachable.broken(["landing"], print)
    assert causes["landing"].startswith("SOFTCART_LANDING: s3://no-such-bucket/landing")


def test_a_shop_lands_from_the_bucket_and_again_what_was_replaced(
    platform: dict[str, str],
    shop: pymysql.Connection,
    url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    files = tmp_path / "shop"
    generate(files, seed=7, size=60)
    for path in files.iterdir():
        if path.is_file():
            Store(url).put(path.name, path)
    monkeypatch.setenv("SOFTCART_LANDING", url)
    monkeypatch.setenv("SOFTCART_HOME", str(tmp_path / "home"))

    def land() -> None:
        definitions = build_defs()
        result = dg.materialize(
            [asset for asset in definitions.assets if isinstance(asset, dg.AssetsDefinition)],
            selection=dg.AssetSelection.assets("shop/customers", "raw/fact_sales"),
            resources=definitions.resources,
            instance=dg.DagsterInstance.ephemeral(),
        )
        assert result.success

    def customers() -> list[tuple[str, ...]]:
        with shop.cursor() as cursor:
            shop.rollback()
            cursor.execute("SELECT customer_id, country FROM shop.customers ORDER BY 1")
            return [tuple(map(str, row)) for row in cursor]

    def in_file() -> list[tuple[str, ...]]:
        with (files / "customers.csv").open(newline="") as file:
            return sorted((row["customer_id"], row["country"]) for row in csv.DictReader(file))

    land()
    assert customers() == in_file()
    ((facts,),) = query(platform["SOFTCART_STAGING_URL"], "SELECT count(*) FROM raw.fact_sales")
    assert facts == len((files / "FactSales.csv").read_text().splitlines()) - 1
    lines = (files / "customers.csv").read_text()
    (files / "customers.csv").write_text(lines.replace("Germany", "Iceland"))
    assert lines != (files / "customers.csv").read_text()
    Store(url).put("customers.csv", files / "customers.csv")
    land()
    assert customers() == in_file()
