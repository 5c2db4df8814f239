"""The wheel has what the graph is made of, and the graph loads from it alone; `dg` finds it in the clone."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

import pytest

from softcart_assets.build import build_defs
from softcart_assets.code import PARTS

ROOT = Path(__file__).parents[1]
DERIVED = {"__pycache__", "target", "logs"}
# How the product finds what is no package, such as `ROOT / "sql"`.
BESIDE = re.compile(r'(?:parents\[\d\]|ROOT|CLONE) / "(\w+)"')
NOT_READ = {"docs", "deploy"}  # where developers' commands write
KEYS = "import definitions as d; print(*sorted(k.to_user_string() for k in d.defs.resolve_all_asset_keys()))"


def imported(path: Path) -> Iterator[str]:
    """The first parts of the names that a module imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def product() -> set[str]:
    """The packages of this clone that `definitions.py` imports, and those that they import."""
    found: set[str] = set()
    waiting = set(imported(ROOT / "definitions.py"))
    while waiting:
        name = waiting.pop()
        if name not in found and (ROOT / name / "__init__.py").exists():
            found.add(name)
            waiting.update(part for path in (ROOT / name).rglob("*.py") for part in imported(path))
    return found


def folders() -> set[str]:
    """Those packages, and the folders of this clone that they read."""
    packages = product()
    texts = (path.read_text() for name in packages for path in (ROOT / name).rglob("*.py"))
    named = {name for text in texts for name in BESIDE.findall(text) if (ROOT / name).is_dir()} - NOT_READ
    assert "sql" in named
    return packages | named


def files_of(folder: Path) -> set[str]:
    paths = (path.relative_to(ROOT) for path in folder.rglob("*") if path.is_file())
    return {path.as_posix() for path in paths if not DERIVED & set(path.parts)}


def no_source(folder: str, names: list[str]) -> set[str]:
    """What of these files a fresh clone does not have."""
    derived = DERIVED | ({"exports", "build", "softcart.egg-info"} if Path(folder) == ROOT else set())
    return {name for name in names if name.startswith(".") or name in derived}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, since setuptools leaves its own files beside the sources."""
    folder = tmp_path_factory.mktemp("wheel")
    shutil.copytree(ROOT, folder / "clone", ignore=no_source)
    build = "import sys; from setuptools.build_meta import build_wheel; build_wheel(sys.argv[1])"
    done = subprocess.run(
        [sys.executable, "-c", build, folder], cwd=folder / "clone", capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    (built,) = folder.glob("softcart-*.whl")
    return built


def test_the_wheel_has_every_file_of_the_product_and_no_other(wheel: Path) -> None:
    expected = {"definitions.py"}.union(*(files_of(ROOT / name) for name in folders()))
    with ZipFile(wheel) as archive:
        packed = {info.filename: info for info in archive.infolist() if ".dist-info/" not in info.filename}
    missing = sorted(expected - packed.keys())
    assert not missing, "name their package or kind of file in pyproject.toml, [tool.setuptools]"
    assert packed.keys() == expected
    programs = {name for name, info in packed.items() if info.external_attr >> 16 & 0o100}
    assert programs == {name for name in expected if os.access(ROOT / name, os.X_OK)}


def test_the_wheel_alone_loads_the_graph(wheel: Path, tmp_path: Path) -> None:
    with ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    bare = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    done = subprocess.run(
        [sys.executable, "-c", KEYS], cwd=tmp_path, env=bare, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == sorted(
        key.to_user_string() for key in build_defs().resolve_all_asset_keys()
    )


def test_dg_lists_the_graph(tmp_path: Path) -> None:
    bare = {name: os.environ[name] for name in ("PATH",) if name in os.environ}
    done = subprocess.run(
        [Path(sys.executable).with_name("dg"), "list", "defs", "--json"],
        cwd=ROOT,
        env={**bare, "HOME": str(tmp_path), "DAGSTER_DISABLE_TELEMETRY": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    listed = {asset["asset_key"] for asset in json.loads(done.stdout)["assets"]}
    assert {key.to_user_string() for key in build_defs().resolve_all_asset_keys()} <= listed


def test_nothing_in_pyproject_hides_workspace_yaml_from_dagster() -> None:
    assert not {"dagster", "dg"} & tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"].keys()


def test_sensors_notice_changes_in_every_package_of_the_product() -> None:
    assert {"definitions.py", "sql", *product()} == set(PARTS)
