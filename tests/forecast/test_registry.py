from collections.abc import Iterator
from pathlib import Path

import pytest

from forecast.errors import ForecastError
from forecast.registry import Registry
from sync.errors import SyncError, TransientError


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """Without a server: in a file below SOFTCART_HOME."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOFTCART_HOME", str(home))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        yield Registry.from_environment()
    assert (home / "forecast" / "mlflow.db").is_file()


def register(registry: Registry, name: str, text: str) -> int:
    return registry.register(
        name, {"model.json": text}, {"method": "ets"}, {"mase": 0.5}, {"from": "a test"}
    ).number


def test_versions_are_counted_kept_and_promoted_by_name(registry: Registry) -> None:
    assert registry.champion("counted") is None
    assert [register(registry, "counted", text) for text in ("one", "two")] == [1, 2]
    assert registry.champion("counted") is None
    registry.promote("counted", 2)
    assert registry.champion("counted") == 2
    registry.promote("counted", 1)
    assert registry.champion("counted") == 1
    assert [registry.read("counted", number, "model.json") for number in (1, 2)] == ["one", "two"]


def test_a_folder_comes_back_as_it_was(registry: Registry, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / ".part.crc").write_bytes(b"\x00\x01")
    number = registry.register("folder", tmp_path, {}, {}, {}).number
    with registry.folder("folder", number) as folder:
        assert (folder / "data" / ".part.crc").read_bytes() == b"\x00\x01"
    assert not folder.exists()


def test_a_version_that_is_not_there_is_refused_by_name(registry: Registry) -> None:
    register(registry, "short", "one")
    with pytest.raises(ForecastError, match=r"short.*7|7.*short"):
        registry.read("short", 7, "model.json")


def test_a_database_that_is_away_is_said_at_once_and_without_its_password(tmp_path: Path) -> None:
    registry = Registry("postgresql://mlflow:opensesame@127.0.0.1:9/mlflow", tmp_path)
    with pytest.raises(SyncError) as away:
        registry.champion("any")
    assert isinstance(away.value, TransientError)
    assert "opensesame" not in str(away.value)
