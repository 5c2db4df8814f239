"""What Dagster shows of the dbt project before anything ran: its models' assets, its tests' checks."""

from __future__ import annotations

import dagster as dg

from softcart_assets.dbt.graph import Model, ModelColumn, Test
from softcart_assets.metadata import OWNER


def asset_key(schema: str, table: str) -> dg.AssetKey:
    """The asset of a table in staging. A change log comes from the sync of its table and shares its asset."""
    return dg.AssetKey(["raw" if schema == "history" else schema, table])


def model_key(model: Model) -> dg.AssetKey:
    return asset_key(model.schema, model.name)


def column_lineage(model: Model) -> dg.TableColumnLineage:
    """Where each column comes from: columns of other models and of the synced tables."""
    return dg.TableColumnLineage(
        {
            column.name: [dg.TableColumnDep(key, name) for key, name in _origins(column)]
            for column in model.columns
        }
    )


def _origins(column: ModelColumn) -> list[tuple[dg.AssetKey, str]]:
    """The columns of assets that it comes from: a table and its change log are one."""
    found = ((asset_key(schema, table), name) for schema, table, name in column.origins)
    return list(dict.fromkeys(found))


def asset_spec(model: Model) -> dg.AssetSpec:
    columns = [
        dg.TableColumn(column.name, column.type or "unknown", column.description) for column in model.columns
    ]
    return dg.AssetSpec(
        key=model_key(model),
        deps=sorted({asset_key(schema, table) for schema, table in model.inputs}),
        group_name=model.schema,
        description=model.description,
        owners=[OWNER],
        kinds={"dbt", "postgres", *([] if model.is_tracked else [model.materialized])},
        skippable=True,
        code_version=model.fingerprint or None,
        metadata={
            "dagster/table_name": f"staging.{model.schema}.{model.name}",
            "dagster/column_schema": dg.TableSchema(columns),
            "dagster/column_lineage": column_lineage(model),
        },
    )


def check_spec(test: Test, model: Model) -> dg.AssetCheckSpec:
    """The check that a test is on the asset of its model."""
    return dg.AssetCheckSpec(
        test.check, asset=model_key(model), blocking=test.is_blocking, description=test.description
    )
