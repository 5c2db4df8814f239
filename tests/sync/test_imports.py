"""What the sync engine loads, each time in a fresh interpreter."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

CLONE = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("sync.cli.copy", "dagster, softcart_assets, resources, pymongo, rich"),
        ("sync.cli.verify", "dagster, softcart_assets, resources, pymongo, rich"),
        ("sync.cli.status", "dagster, softcart_assets, resources, pymysql, pymongo, rich, sync.engine"),
        ("sync.cli.quarantine", "dagster, softcart_assets, resources, pymysql, pymongo, rich, sync.engine"),
        ("sync.targets.postgresql.target", "dagster, pymysql, pymongo, bson, sync.engine"),
        ("sync.sources.postgresql.source", "dagster, pymysql, pymongo, bson, sync.engine"),
        ("sync.sources.mongodb.source", "dagster, pymysql, sync.engine"),
        ("sync.spec", "dagster, psycopg2, pymysql, pymongo, bson"),
        ("sync.passes", "dagster, psycopg2, pymysql, pymongo, bson"),
        ("sync.table_state", "dagster, psycopg2, pymysql, pymongo, bson"),
        ("sync.table_pass", "dagster, psycopg2, pymysql, pymongo, bson"),
        ("sync.warehouses.verify", "dagster, psycopg2, pymysql, pymongo, bson, sync.engine"),
        ("sync.warehouses.mirror", "dagster, psycopg2, pymysql, pymongo, bson, sync.engine"),
    ],
)
def test_a_module_loads_no_more_than_it_needs(module: str, absent: str) -> None:
    names = [name.strip() for name in absent.split(",")]
    check = f"import sys, {module}; print([name for name in {names} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", check], cwd=CLONE, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
