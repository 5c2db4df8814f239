"""Collections of the catalog as CSV files. To export one more, add a `CollectionExport`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg

from softcart_assets.exports.files import GROUP, exports_folder, file_metadata
from softcart_assets.failures import failure
from softcart_assets.metadata import OWNER
from sync.errors import SyncError


@dataclass(frozen=True)
class CollectionExport:
    """`<name>.csv` with these fields of every document of a collection, in the order of their ids.

    A field is a key of the document (with blanks or dots in it, if need be), or a path such as
    `maker.country`.
    """

    name: str
    collection: str
    fields: tuple[str, ...]
    description: str
    database: str = "catalog"

    @property
    def key(self) -> dg.AssetKey:
        return dg.AssetKey(["exports", self.name])


COLLECTION_EXPORTS = (
    CollectionExport(
        "electronics",
        collection="electronics",
        fields=("_id", "type", "model"),
        description="Id, type and model of each of the catalog's electronics.",
    ),
)


def build_collection_exports(
    exports: Sequence[CollectionExport] = COLLECTION_EXPORTS,
) -> list[dg.AssetsDefinition]:
    """One step that reads MongoDB, each file of which can be made alone."""

    @dg.multi_asset(
        name="export_collections",
        specs=[_spec(export) for export in exports],
        required_resource_keys={"mongodb"},
        can_subset=True,
    )
    def export_collections(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[Any]]:
        # BSON takes a tenth of a second to import, which a process that only looks need not pay.
        from exporting.documents import export_documents  # noqa: PLC0415
        from sync.connections.mongodb import connect_mongodb, mongodb_errors  # noqa: PLC0415
        from sync.sources.mongodb.bson_text import CODEC  # noqa: PLC0415

        selected = [export for export in exports if export.key in context.selected_asset_keys]
        try:
            with connect_mongodb(context.resources.mongodb.url) as client:
                for export in selected:
                    path = exports_folder() / f"{export.name}.csv"
                    with (
                        mongodb_errors(f"{export.database}.{export.collection}"),
                        client.start_session(snapshot=True) as session,
                    ):
                        found = client[export.database].get_collection(export.collection, CODEC)
                        documents = found.find({}, session=session).sort("_id", 1)
                        rows = export_documents(documents, export.fields, path)
                    yield dg.MaterializeResult(
                        asset_key=export.key, metadata={"dagster/row_count": rows, **file_metadata(path)}
                    )
        except SyncError as error:
            raise failure([error]) from error

    return [export_collections]


def _spec(export: CollectionExport) -> dg.AssetSpec:
    source = dg.AssetKey([export.database, export.collection])
    return dg.AssetSpec(
        export.key,
        deps=[source],
        group_name=GROUP,
        description=f"{export.description} A CSV file.",
        owners=[OWNER],
        kinds={"csv", "mongodb"},
        metadata={
            "dagster/table_name": f"exports.{export.name}",
            "dagster/column_schema": dg.TableSchema([dg.TableColumn(name, "text") for name in export.fields]),
            "dagster/column_lineage": dg.TableColumnLineage(
                {name: [dg.TableColumnDep(source, name)] for name in export.fields}
            ),
        },
    )
