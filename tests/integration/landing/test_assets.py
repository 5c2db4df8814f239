"""Landing as assets."""

import json
import logging
from pathlib import Path

import dagster as dg
import pytest

from softcart_assets.build import build_defs


def test_a_catalog_file_whose_collection_no_table_declares_is_named_with_the_way_out(
    platform: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("books", "garden", "garden_tools"):
        (tmp_path / f"catalog_{name}.json").write_text(json.dumps({"type": "x", "model": name}))
    monkeypatch.setenv("SOFTCART_LANDING", str(tmp_path))
    definitions = build_defs()
    instance = dg.DagsterInstance.ephemeral()
    result = dg.materialize(
        [asset for asset in definitions.assets if isinstance(asset, dg.AssetsDefinition)],
        selection=dg.AssetSelection.assets("catalog/books"),
        resources=definitions.resources,
        instance=instance,
    )
    assert result.success
    warnings = [
        entry.user_message for entry in instance.all_logs(result.run_id) if entry.level == logging.WARNING
    ]
    assert warnings == [
        f"catalog_{name}.json is not landed, since no table declares collection {name}:"
        " declare it in softcart_assets/tables.py"
        for name in ("garden", "garden_tools")
    ]
