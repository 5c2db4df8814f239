"""The README's Python runs as it stands there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.integration.cli.command import Shop, execute
from tests.integration.sync_support import query

README = Path(__file__).parents[2] / "README.md"


def test_the_example_of_the_library_copies_its_table(
    platform: dict[str, str], shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    execute(shop, "CREATE TABLE suppliers (supplier_id INT PRIMARY KEY)", "INSERT INTO suppliers VALUES (7)")
    (example,) = re.findall(r"```python\n(import os\n.+?)```", README.read_text(), re.DOTALL)
    exec(example, {})
    assert "inserted=1" in capsys.readouterr().out
    arrived = query(platform["SOFTCART_STAGING_URL"], "SELECT supplier_id FROM mine.suppliers")
    assert arrived == [(7,)]
