"""How tables lie in a warehouse, by declaration: a JSON file of one entry a table, by its name.

A declaration counts when a table is made, and is no reason to make it anew.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

from sync.errors import SyncError
from sync.warehouses.schema import TableSchema

LayoutT = TypeVar("LayoutT")


def read_layouts(kind: type[LayoutT], path: Path, variable: str) -> dict[str, LayoutT]:
    """By the tables' names. Raises `SyncError`, naming the setting `variable`, for a file that does not say
    what it should."""
    try:
        return {name: kind(**declared) for name, declared in json.loads(path.read_text()).items()}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise SyncError(f"{path}, the layout of the tables ({variable}): {error}") from error


def check_columns(columns: Iterable[str], schema: TableSchema) -> None:
    """Raises `SyncError` for a column that the table does not have."""
    for column in columns:
        if column not in schema.column_names:
            raise SyncError(
                f"the layout of {schema.name} names the column {column!r}, which it does not have"
            )
