"""Metadata that every asset of a table carries, in Dagster's standard keys."""

from collections.abc import Iterable
from typing import Any

import dagster as dg

from sync.spec import Column

OWNER = "team:data-platform"


def column_schema(columns: Iterable[Column]) -> dg.TableSchema:
    """The columns with type and description, as `dagster/column_schema` wants them."""
    return dg.TableSchema(
        [dg.TableColumn(column.name, column.type, column.description or None) for column in columns]
    )


def copied_columns(columns: Iterable[Column], upstream: dg.AssetKey) -> dg.TableColumnLineage:
    """Lineage of a table whose columns each come from the one of the same name in `upstream`."""
    return dg.TableColumnLineage(
        {column.name: [dg.TableColumnDep(upstream, column.name)] for column in columns}
    )


def read_columns(columns: Iterable[Column], source: dg.AssetKey) -> dg.TableColumnLineage:
    """Lineage of a table whose columns each come from one of `source`, which may call it otherwise."""
    return dg.TableColumnLineage(
        {column.name: [dg.TableColumnDep(source, column.source_name)] for column in columns}
    )


def table_metadata(
    name: str, columns: Iterable[Column], upstream: dg.AssetKey | None = None
) -> dict[str, Any]:
    """Definition metadata of a table: its name as `database.schema.table`, its columns, and their lineage
    where each comes from one of `upstream`."""
    columns = tuple(columns)
    metadata: dict[str, Any] = {"dagster/table_name": name}
    if columns:
        metadata["dagster/column_schema"] = column_schema(columns)
    if columns and upstream is not None:
        metadata["dagster/column_lineage"] = copied_columns(columns, upstream)
    return metadata
