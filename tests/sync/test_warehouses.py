"""What needs no server of the warehouses' seam."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from sync.errors import SyncError
from sync.warehouses.dbapi.driver import load_driver

CLONE = Path(__file__).parents[2]


def test_a_driver_that_is_not_there_answers_with_the_command_that_installs_it() -> None:
    with pytest.raises(SyncError, match=r"Db2 is reached by .*no_such_driver.*pip install '\.\[db2\]'"):
        load_driver("no_such_driver", "Db2", "db2")


def test_the_seam_itself_knows_no_driver_and_no_dagster() -> None:
    found = subprocess.run(
        ["git", "grep", "-lE", "psycopg|dagster|pymysql|pymongo", "--", "sync/warehouses"],
        cwd=CLONE, capture_output=True, text=True, check=False,
    ).stdout.split()  # fmt: skip
    systems = ("sync/warehouses/postgresql/", "sync/warehouses/redshift/")
    assert all(path.startswith(systems) for path in found)
