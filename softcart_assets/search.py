"""The analysis of search terms: Spark on the lake's tables, its results in staging and in the lake.

What is analysed is in `lake/search`. The results are tables of staging like the synced ones, so reports,
production and exports follow from them by their batches. Where search terms and catalog are those of the
last analysis, no Spark is started.
"""

import json
from collections.abc import Iterator, Sequence
from functools import reduce
from hashlib import sha256
from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import Field

import lake.search
from lake.delta import Origin, commit, open_table
from lake.location import Location
from lake.results import ResultSource
from lake.search.tables import ORIGINS, RESULTS, SEARCH_TERMS, TERM_COLUMNS
from lake.spec import LakeTable
from softcart_assets.failures import failure
from softcart_assets.lake import lake_key
from softcart_assets.metadata import OWNER, table_metadata
from softcart_assets.raw import BOOKKEEPING, asset_key
from sync.engine import run_passes
from sync.errors import SyncError
from sync.passes import PassResult
from sync.spec import Strategy, Table
from sync.state import identity
from sync.table_state import TableState

GROUP = "search"
STEP = "analyse_search_terms"
DOCUMENT = "document"


class SearchConfig(dg.Config):
    """How search terms are analysed."""

    rebuild: bool = Field(default=False, description="Analyse them although nothing is new.")


def catalog_tables(tables: Sequence[Table]) -> list[LakeTable]:
    """The lake's tables of products: those that keep a document of the catalog whole."""
    return [
        LakeTable(table.schema, table.name, table.key)
        for table in tables
        if table.document == DOCUMENT and table.database == "catalog" and table.target == "staging"
    ]


def build_search_assets(tables: Sequence[Table]) -> list[dg.AssetsDefinition]:
    """One step, with an asset for each result."""
    catalog = catalog_tables(tables)
    inputs = [SEARCH_TERMS, *catalog]

    @dg.multi_asset(
        name=STEP,
        specs=[_spec(table, [lake_key(each) for each in inputs]) for table in RESULTS],
        required_resource_keys={"staging", "lake", "spark"},
        pool="staging",
    )
    def analyse_search_terms(
        context: dg.AssetExecutionContext, config: SearchConfig
    ) -> Iterator[dg.MaterializeResult[Any]]:
        try:
            location = context.resources.lake.location()
            with context.resources.staging.connect() as connection:
                staging = str(identity(connection))
            with context.resources.staging.target() as target:
                seen = _inputs(inputs, location, staging)
                states = [target.states().get((table.schema, table.name)) for table in RESULTS]
                if not config.rebuild and all(state and state.position == seen for state in states):
                    for table, state in zip(RESULTS, states, strict=True):
                        yield _unchanged(table, state)
                    return
                results = _analysed(context, catalog)
                origin = Origin(staging, json.loads(seen)[SEARCH_TERMS.folder], context.run.run_id)
                for name, result in results.items():
                    commit(location, f"search/{name}", result.schema, result.to_batches(), origin)
                source = ResultSource(results, seen)
                failed = []
                for table, outcome in run_passes(RESULTS, source, target, context.run.run_id):
                    if isinstance(outcome, SyncError):
                        failed.append(outcome)
                    else:
                        yield _materialized(table, outcome)
        except SyncError as error:
            raise failure([error]) from error
        if failed:
            raise failure(failed)

    return [analyse_search_terms]


def _inputs(tables: Sequence[LakeTable], location: Location, staging: str) -> str:
    """What the analysis would see now: the batch of each table in the lake, and the code's version. Raises
    `SyncError` for a table that the lake does not have."""
    batches: dict[str, object] = {}
    for table in tables:
        opened = open_table(location, table.folder)
        if opened is None:
            name = lake_key(table).to_user_string()
            raise SyncError(f"the lake has no table {location.table(table.folder)}: materialize {name}")
        batches[table.folder] = opened.transaction_version(staging)
    return json.dumps({**batches, "code": _code()})


def _code() -> str:
    modules = sorted(Path(lake.search.__file__).parent.glob("*.py"))
    return sha256(b"".join(module.read_bytes() for module in modules)).hexdigest()


def _analysed(context: dg.AssetExecutionContext, catalog: Sequence[LakeTable]) -> dict[str, Any]:
    from lake.search.analysis import analyse  # noqa: PLC0415

    with context.resources.spark.reporting(context.log) as session:
        frame = context.resources.lake.frame
        terms = frame(session, SEARCH_TERMS.folder)
        products = [frame(session, table.folder).select(DOCUMENT) for table in catalog]
        # A list, even an empty one, would be read by Python processes that Spark has to start.
        nothing = session.sql(f"SELECT CAST(NULL AS string) AS {DOCUMENT} WHERE false")
        documents = reduce(lambda one, other: one.unionByName(other), products, nothing)
        return analyse(terms, documents, context.log.info)


def _spec(table: Table, deps: Sequence[dg.AssetKey]) -> dg.AssetSpec:
    return dg.AssetSpec(
        asset_key(table),
        deps=list(deps),
        group_name=GROUP,
        description=f"{table.description} Computed by Spark on the lake.",
        owners=[OWNER],
        kinds={"spark", "postgres"},
        metadata=table_metadata(f"staging.{table.qualified}", [*table.columns, *BOOKKEEPING])
        | {"dagster/column_lineage": _lineage(table)},
    )


def _lineage(table: Table) -> dg.TableColumnLineage:
    terms = lake_key(SEARCH_TERMS)
    return dg.TableColumnLineage(
        {
            column.name: [dg.TableColumnDep(terms, name) for name in ORIGINS.get(column.name, TERM_COLUMNS)]
            for column in table.columns
        }
    )


def _unchanged(table: Table, state: TableState | None) -> dg.MaterializeResult[Any]:
    assert state is not None
    return dg.MaterializeResult(
        asset_key=asset_key(table),
        metadata={
            "dagster/row_count": state.rows,
            "note": "nothing new: Spark was not started",
            "seconds": 0.0,
        },
    )


def _materialized(table: Table, result: PassResult) -> dg.MaterializeResult[Any]:
    return dg.MaterializeResult(
        asset_key=asset_key(table),
        metadata={
            "dagster/row_count": result.rows,
            "dagster/column_lineage": _lineage(table),
            "inserted": result.inserted,
            "updated": result.updated,
            "deleted": result.deleted,
            "batch": result.batch,
            "strategy": str(Strategy.FULL),
            "seconds": round(result.seconds, 3),
        },
    )
