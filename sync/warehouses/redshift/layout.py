"""How a table lies on Redshift's nodes: by declaration, and where nothing is declared as Redshift sees fit.

`sql/redshift/layout.json` has the tables of the platform; `SOFTCART_REDSHIFT_LAYOUT` names another file:
`{"star.fact_sales": {"distkey": "customer_key", "sortkey": ["date_key"], "encode": {"origin": "bytedict"}}}`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sync.errors import SyncError
from sync.warehouses.layouts import check_columns, read_layouts
from sync.warehouses.schema import TableSchema

VARIABLE = "SOFTCART_REDSHIFT_LAYOUT"
DECLARED = Path(__file__).parents[3] / "sql" / "redshift" / "layout.json"
STYLES = ("AUTO", "EVEN", "ALL")


@dataclass(frozen=True)
class Layout:
    """One table's: a column by which rows are spread, or else a style (AUTO, EVEN, ALL); the columns that
    rows are sorted by; the encodings of columns."""

    distkey: str | None = None
    diststyle: str = "AUTO"
    sortkey: Sequence[str] = ()
    encode: Mapping[str, str] = field(default_factory=dict)

    def encoding(self, column: str) -> str:
        """What follows a column's type."""
        return f" ENCODE {self.encode[column].upper()}" if column in self.encode else ""

    def attributes(self, quote: Callable[[str], str]) -> str:
        """What follows the list of columns."""
        if self.distkey:
            spread = f"DISTSTYLE KEY DISTKEY ({quote(self.distkey)})"
        else:
            spread = f"DISTSTYLE {self.diststyle}"
        if not self.sortkey:
            return f"{spread} SORTKEY AUTO"
        return f"{spread} COMPOUND SORTKEY ({', '.join(map(quote, self.sortkey))})"


def load_layouts(path: Path | None = None) -> dict[str, Layout]:
    """By the tables' names. Raises `SyncError` for a file that does not say what it should."""
    path = path or Path(os.environ.get(VARIABLE) or DECLARED)
    layouts = read_layouts(Layout, path, VARIABLE)
    for name, layout in layouts.items():
        if layout.diststyle not in STYLES or not all(each.isalnum() for each in layout.encode.values()):
            raise SyncError(f"{path}: {name}: diststyle is one of {', '.join(STYLES)}, an encoding a word")
    return layouts


def check_layout(layout: Layout, schema: TableSchema) -> Layout:
    """Raises `SyncError` for a column that the table does not have."""
    distkey = [layout.distkey] if layout.distkey else []
    check_columns((*distkey, *layout.sortkey, *layout.encode), schema)
    return layout
