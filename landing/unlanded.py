"""The files of a landing folder that nothing lands although their names say that something should."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from landing.catalog import FIRST_FILE
from landing.dump import SALES_DUMP
from landing.files import ECOMMERCE, HISTORY_FILES, SALES_SEED, SHOP_FILES
from landing.objects import ORDERS_SAMPLE

NAMES = (
    SALES_DUMP,
    ORDERS_SAMPLE,
    FIRST_FILE,
    *(spec.name for spec in (*SHOP_FILES, *HISTORY_FILES, ECOMMERCE, SALES_SEED)),
)


def unlanded(folder: Path | None, names: Collection[str] = NAMES) -> list[str]:
    """A line for each file whose name is one of `names` but for its case, and for each link among them that
    leads nowhere: what it is called, and what to do."""
    if folder is None or not folder.is_dir():
        return []
    meant = {name.casefold(): name for name in names}
    lines = []
    for path in sorted(folder.iterdir()):
        name = meant.get(path.name.casefold())
        if name is not None and path.is_symlink() and not path.exists():
            target = path.readlink()
            lines.append(f"{path.name} is not landed: it is a link to {target}, which does not exist")
        elif name is not None and path.name != name:
            lines.append(f"{path.name} is not landed: the file's name is {name}, rename it")
    return lines
