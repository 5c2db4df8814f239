"""The notebooks as they are committed."""

import json

from softcart_assets.notebook import NOTEBOOK


def test_no_output_is_committed_in_a_notebook() -> None:
    for path in NOTEBOOK.parent.glob("*.ipynb"):
        cells = [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"]
        assert cells
        assert [cell for cell in cells if cell["outputs"] or cell["execution_count"]] == []
