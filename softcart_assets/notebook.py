"""The notebook on search terms as an asset: executed after the analysis, its executed copy opens from the UI.

dagstermill executes it. Its own factory of assets refuses a job that runs in the caller's process, as
`make run` does, and executes a notebook although nothing is new, which costs ten seconds; so the engine alone
is used here.
"""

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import dagster as dg

from lake.delta import open_table
from lake.location import VARIABLE, Location
from lake.search.tables import RESULTS, SEARCH_TERMS
from softcart_assets.failures import failure
from softcart_assets.lake import lake_key
from softcart_assets.metadata import OWNER
from softcart_assets.raw import asset_key
from softcart_assets.seams import local_folder
from sync.errors import SyncError

ROOT = Path(__file__).parents[1]
NOTEBOOK = ROOT / "notebooks" / "search_terms.ipynb"
KEY = dg.AssetKey(["notebooks", "search_terms"])
START_SECONDS = 120


def build_notebook_asset() -> dg.AssetsDefinition:
    """The asset `notebooks/search_terms`."""

    @dg.asset(
        key=KEY,
        deps=[lake_key(SEARCH_TERMS), *(asset_key(table) for table in RESULTS)],
        group_name="search",
        description="Search terms explored, with charts: a notebook that reads the lake, executed.",
        owners=[OWNER],
        kinds={"jupyter", "python"},
        required_resource_keys={"lake"},
        op_tags={"notebook_path": str(NOTEBOOK)},
    )
    def search_terms_notebook(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
        began = time.monotonic()
        executed = Path(local_folder(context.instance)) / "notebooks" / NOTEBOOK.name
        stamp = executed.with_suffix(".inputs")
        try:
            inputs = _inputs(context.resources.lake.location())
            is_new = not executed.is_file() or not stamp.is_file() or stamp.read_text() != inputs
            if is_new:
                executed.parent.mkdir(parents=True, exist_ok=True)
                stamp.unlink(missing_ok=True)
                _execute(executed, context.resources.lake.root)
                stamp.write_text(inputs)
        except SyncError as error:
            raise failure([error]) from error
        return dg.MaterializeResult(
            metadata={
                "executed_notebook": dg.MetadataValue.notebook(str(executed)),
                "executed": is_new,
                "seconds": round(time.monotonic() - began, 3),
            }
        )

    return search_terms_notebook


def _inputs(location: Location) -> str:
    """What the notebook would show now: its own text, and the version of each table that it reads."""
    folders = [SEARCH_TERMS.folder, *(f"search/{table.name}" for table in RESULTS)]
    tables = {folder: open_table(location, folder) for folder in folders}
    versions = {
        folder: f"{table.version()} of {table.metadata().id}" if table else None
        for folder, table in tables.items()
    }
    source = sha256(NOTEBOOK.read_bytes()).hexdigest()
    return json.dumps({"lake": location.root, "notebook": source, **versions})


@contextmanager
def _lake_at(root: str) -> Iterator[None]:
    """Let the kernel, which gets this process's environment, find the lake of the asset's resource."""
    before = os.environ.get(VARIABLE)
    os.environ[VARIABLE] = root if "://" in root else str(Path(root).absolute())
    try:
        yield
    finally:
        if before is None:
            del os.environ[VARIABLE]
        else:
            os.environ[VARIABLE] = before


def _execute(executed: Path, lake: str) -> None:
    """Run the notebook top to bottom. Raises `SyncError` with the cell's error; the copy shows how far it
    came."""
    import papermill  # noqa: PLC0415
    from dagstermill.engine import DagstermillEngine  # noqa: PLC0415
    from papermill.engines import papermill_engines  # noqa: PLC0415
    from papermill.exceptions import PapermillExecutionError  # noqa: PLC0415

    papermill_engines.register("dagstermill", DagstermillEngine)
    try:
        with _lake_at(lake):
            papermill.execute_notebook(
                str(NOTEBOOK),
                str(executed),
                engine_name="dagstermill",
                progress_bar=False,
                start_timeout=START_SECONDS,
                cwd=str(ROOT),
            )
    except PapermillExecutionError as error:
        raise SyncError(
            f"{NOTEBOOK.name}: cell {error.exec_count}: {error.ename}: {error.evalue}; {executed} shows it"
        ) from error
