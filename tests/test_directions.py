"""Which way imports go, for the whole tree: read off the files, nothing is imported."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Collection, Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

CLONE = Path(__file__).parents[1]
# What a package may import besides itself, from the top of the house to its foundation. Nothing of the
# product imports what serves a clone (`stack`, `demo`), and nothing but the tests imports the tests.
PRODUCT = {
    "definitions": {"softcart_assets"},
    "softcart_assets": {
        *("resources", "weblog", "forecast", "landing", "exporting", "lake", "dashboard", "sync"),
    },
    "resources": {"landing", "lake", "sync"},
    "weblog": {"exporting", "lake", "sync"},
    "forecast": {"lake", "sync"},
    "landing": {"sync"},
    "exporting": {"sync"},
    "lake": {"sync"},
    "dashboard": set(),
    "sync": set(),
}
MAY_IMPORT: dict[str, set[str]] = {
    **PRODUCT,
    "demo": {"sync"},
    "stack": {"demo", *PRODUCT},
    "benchmarks": {"stack", "demo", *PRODUCT},
    "notebooks": {"resources", "lake"},
    "bin": set(),
}
# A driver belongs to the packages of its system; landing writes to the shop and its catalog. psycopg2 is
# named once, in `sync.connections.psycopg`, since the staging that most of the product reads is PostgreSQL;
# Redshift's package opens its own connections with it.
DRIVERS = {
    "pymysql": ("sync/connections/mysql", "sync/sources/mysql/", "landing/", "resources/landing.py"),
    "pymongo": ("sync/connections/mongodb", "sync/sources/mongodb/", "landing/", "resources/landing.py"),
    "psycopg2": ("sync/connections/", "sync/warehouses/redshift/"),
}


def imported(path: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((name.name, node.lineno) for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module, node.lineno


def modules() -> Iterator[tuple[str, Path]]:
    """Each package at the top with its files, as git knows them."""
    command = ["git", "ls-files", "*.py"]
    listed = subprocess.run(command, cwd=CLONE, capture_output=True, text=True, check=True)
    for name in listed.stdout.split():
        top = name.partition("/")[0].removesuffix(".py")
        if top in MAY_IMPORT and (CLONE / name).exists():
            yield top, CLONE / name


def test_a_package_imports_only_what_stands_below_it() -> None:
    own = {*MAY_IMPORT, "tests"}
    wrong = [
        f"{path.relative_to(CLONE)}:{line} imports {module}"
        for top, path in modules()
        for module, line in imported(path)
        if (other := module.partition(".")[0]) in own and other not in MAY_IMPORT[top] | {top}
    ]
    assert wrong == []


@pytest.mark.parametrize("driver", sorted(DRIVERS))
def test_a_driver_is_met_only_in_the_packages_of_its_system(driver: str) -> None:
    wrong = [
        f"{name}:{line}"
        for top, path in modules()
        if top in PRODUCT
        for module, line in imported(path)
        if module.partition(".")[0] == driver
        and not (name := str(path.relative_to(CLONE))).startswith(DRIVERS[driver])
    ]
    assert wrong == []


def test_a_system_does_not_know_another() -> None:
    systems = ("mysql", "mongodb", "postgresql")
    wrong = [
        f"{path.relative_to(CLONE)}:{line} imports {module}"
        for folder in ("sources", "warehouses")
        for system in systems
        for path in (CLONE / "sync" / folder / system).rglob("*.py")
        for module, line in imported(path)
        for other in systems
        if other != system and module.startswith(f"sync.{folder}.{other}")
    ]
    assert wrong == []


def test_no_modules_import_each_other_in_a_circle() -> None:
    files = {
        ".".join(path.relative_to(CLONE).with_suffix("").parts).removesuffix(".__init__"): path
        for _, path in modules()
    }
    TopologicalSorter({name: _needed(path, files) for name, path in files.items()}).prepare()


def _needed(path: Path, known: Collection[str]) -> set[str]:
    """The modules of the tree that a module imports, also those that it takes out of a package by name."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found.update(name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            inside = {f"{node.module}.{name.name}" for name in node.names}
            found |= inside & {*known} or {node.module}
    return found & {*known}
