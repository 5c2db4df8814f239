"""Nothing asks a table for its greatest batch: it would be read whole, for its index of batches is BRIN."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

CLONE = Path(__file__).parents[2]
ASKS = re.compile(r"max\(\s*[\"'{]*(\w+\.)?_batch\b", re.IGNORECASE)
# Where a table has no stored batch; and a table of the web log's that has a row an hour.
MAY_ASK = {"sync/newest_batches.py", "weblog/lake.py"}
PRODUCT = (
    "sync",
    "landing",
    "lake",
    "weblog",
    "forecast",
    "exporting",
    "softcart_assets",
    "dashboard",
    "sql",
)


def test_nobody_asks_a_table_for_its_greatest_batch() -> None:
    listed = subprocess.run(["git", "ls-files", *PRODUCT], cwd=CLONE, text=True, capture_output=True)
    files = [name for name in listed.stdout.splitlines() if name.endswith((".py", ".sql"))]
    assert len(files) > 100
    asking = {name for name in files if ASKS.search((CLONE / name).read_text())}

    assert asking == MAY_ASK
