"""Landing: the files of SOFTCART_LANDING as assets, in the databases that they go to.

Where the platform may not write (no admin URL is set), the shop's tables are external assets: they are shown
with their lineage and nothing ever writes to them.
"""

import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import dagster as dg

from landing.catalog import FIRST_FILE, land_catalog, undeclared
from landing.dump import SALES_DUMP, restore_dump
from landing.files import ECOMMERCE, HISTORY_FILES, SALES_SEED, SEARCH_TERMS, SHOP_FILES
from landing.history import land_history, raw_table
from landing.landing_file import check_folder
from landing.quarantine import SHOWN_BY
from landing.raw_lines import lines_table
from landing.result import LandingResult
from landing.sales_history import land_sales_history, sales_history_table
from landing.search_terms import land_search_terms
from landing.seed import seed_production, seed_warehouse
from landing.shop import land_csv
from landing.unlanded import unlanded
from softcart_assets.failures import failure
from softcart_assets.metadata import OWNER, table_metadata
from softcart_assets.raw import BOOKKEEPING, described, source_key
from softcart_assets.search_results import ensure_results
from softcart_assets.tables import SALES
from sync.connections.postgresql import connect_postgresql
from sync.errors import SyncError
from sync.spec import Column, Table

GROUP = "landing"
SEED = dg.AssetKey(["seed", "sales_data"])
SALES_HISTORY = sales_history_table()
HISTORY = (*(raw_table(spec) for spec in HISTORY_FILES), SALES_HISTORY)
SEARCHES = lines_table(SEARCH_TERMS)

# What lands each asset of a step, once its connections are open.
Landings = Mapping[dg.AssetKey, Callable[[], LandingResult]]
OpenLandings = Callable[
    [dg.AssetExecutionContext, Path | None, Sequence[dg.AssetKey]], AbstractContextManager[Landings]
]


def build_landing_assets(tables: Sequence[Table]) -> list[dg.AssetsDefinition | dg.AssetSpec]:
    """The sources of the synced `tables`, and what else is landed.

    Those that no file goes to, and those of a system whose admin URL is not set, are external.
    """
    sources: dict[str, list[dg.AssetSpec]] = {"shop": [], "catalog": [], "sales": [], "elsewhere": []}
    for table in {source_key(table): table for table in tables}.values():
        sources[_landed_by(table)].append(source_spec(table))
    collections = {spec.key.path[-1] for spec in sources["catalog"]}
    catalog = partial(_catalog, collections)
    catalogs = [FIRST_FILE, *(f"catalog_{collection}.json" for collection in sorted(collections))]
    shop = [spec.name for spec in SHOP_FILES]
    history = [spec.name for spec in (*HISTORY_FILES, ECOMMERCE)]
    return [
        *_unless_external("SOFTCART_MYSQL_ADMIN_URL", "land_shop", sources["shop"], shop, _shop),
        *_unless_external("SOFTCART_MONGO_ADMIN_URL", "land_catalog", sources["catalog"], catalogs, catalog),
        *_unless_external(
            "SOFTCART_MYSQL_RESTORE_URL", "restore_sales", sources["sales"], [SALES_DUMP], _sales
        ),
        *sources["elsewhere"],
        _step("land_history", [history_spec(table) for table in HISTORY], history, _history),
        _step("land_search_terms", [history_spec(SEARCHES)], [SEARCH_TERMS.name], _search_terms),
        _step(
            "seed_production",
            [seed_spec()],
            [SALES_SEED.name],
            _seed,
            needs={"landing", "staging", "production"},
        ),
    ]


def _landed_by(table: Table) -> str:
    """Which step lands the table's source: `shop`, `catalog`, `sales`, or none of them: `elsewhere`."""
    key = source_key(table)
    if table.source == "mongodb" and table.database == "catalog":
        return "catalog"
    if key == source_key(SALES):
        return "sales"
    return "shop" if key in {dg.AssetKey(spec.target.split(".")) for spec in SHOP_FILES} else "elsewhere"


def source_spec(table: Table) -> dg.AssetSpec:
    """The asset of a synced table in its source."""
    columns = [Column(column.source_name, column.type, column.description) for column in table.columns]
    return dg.AssetSpec(
        source_key(table),
        group_name=GROUP,
        description=described(table),
        owners=[OWNER],
        kinds={table.source},
        metadata=table_metadata(f"{table.database}.{table.source_name}", columns),
    )


def history_spec(table: Table) -> dg.AssetSpec:
    """The asset of a file that lands in a raw table of staging."""
    return dg.AssetSpec(
        ["raw", table.name],
        group_name=GROUP,
        description=table.description,
        owners=[OWNER],
        kinds={"csv", "postgres"},
        metadata=table_metadata(f"staging.raw.{table.name}", [*table.columns, *BOOKKEEPING]),
    )


def seed_spec() -> dg.AssetSpec:
    """The asset of what production's sales held before the first sync."""
    columns = [Column(field.name, field.type.postgres, field.description) for field in SALES_SEED.fields]
    return dg.AssetSpec(
        SEED,
        group_name=GROUP,
        description=SALES_SEED.description,
        owners=[OWNER],
        kinds={"csv", "postgres"},
        metadata=table_metadata(f"production.{SALES_SEED.target}", columns),
    )


def _unless_external(
    admin_url: str,
    name: str,
    specs: Sequence[dg.AssetSpec],
    files: Collection[str],
    open_landings: OpenLandings,
) -> list[dg.AssetsDefinition | dg.AssetSpec]:
    if specs and os.environ.get(admin_url):
        return [_step(name, specs, files, open_landings)]
    return list(specs)


def _step(
    name: str,
    specs: Sequence[dg.AssetSpec],
    files: Collection[str],
    open_landings: OpenLandings,
    needs: Collection[str] = frozenset({"landing", "staging"}),
) -> dg.AssetsDefinition:
    """One step that lands the `files` of one database, each file on its own."""

    @dg.multi_asset(
        name=name,
        specs=specs,
        required_resource_keys=set(needs),
        can_subset=True,
        pool="landing",
    )
    def land_files(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[Any]]:
        failed: list[SyncError] = []
        keys = sorted(context.selected_asset_keys)
        try:
            folder = context.resources.landing.files()
            check_folder(folder)
            for line in unlanded(folder, files):
                context.log.warning(line)
            with open_landings(context, folder, keys) as landings:
                for key in keys:
                    try:
                        result = landings[key]()
                        if result.quarantined:
                            context.log.warning(_quarantined(result))
                        yield materialization(key, result)
                    except SyncError as error:
                        context.log.error(str(error))
                        failed.append(error)
        except SyncError as error:
            failed.append(error)
        if failed:
            raise failure(failed) from failed[0]

    return land_files


def _quarantined(result: LandingResult) -> str:
    return (
        f"{result.file}: {result.quarantined:,} of {result.rows_in_file:,} lines cannot be landed; {SHOWN_BY}"
        " shows them"
    )


def materialization(key: dg.AssetKey, result: LandingResult) -> dg.MaterializeResult[Any]:
    """What a landing shows of itself."""
    return dg.MaterializeResult(
        asset_key=key,
        metadata={
            "file": result.file if result.present else f"{result.file} (not there)",
            "dagster/row_count": result.landed,
            "lines": result.rows_in_file,
            "inserted": result.inserted,
            "updated": result.updated,
            "quarantined": result.quarantined,
            "conflicts": result.conflicts,
            "conflict_keys": list(result.conflict_keys),
            "left_out": result.left_out,
            "ignored_columns": list(result.ignored_columns),
            "note": result.note,
            "seconds": round(result.seconds, 3),
        },
    )


@contextmanager
def _shop(
    context: dg.AssetExecutionContext, folder: Path | None, _keys: Sequence[dg.AssetKey]
) -> Iterator[Landings]:
    landing = context.resources.landing
    with landing.mysql() as shop, context.resources.staging.connect() as staging:
        yield {
            dg.AssetKey(spec.target.split(".")): partial(
                land_csv, spec, folder, shop, staging, landing.max_rejected_share
            )
            for spec in SHOP_FILES
        }


@contextmanager
def _catalog(
    collections: Collection[str],
    context: dg.AssetExecutionContext,
    folder: Path | None,
    keys: Sequence[dg.AssetKey],
) -> Iterator[Landings]:
    landing = context.resources.landing
    for name, collection in undeclared(folder, collections).items():
        context.log.warning(
            f"{name} is not landed, since no table declares collection {collection}:"
            " declare it in softcart_assets/tables.py"
        )
    with landing.mongodb() as catalog, context.resources.staging.connect() as staging:
        yield {
            key: partial(land_catalog, key.path[-1], folder, catalog, staging, landing.max_rejected_share)
            for key in keys
        }


@contextmanager
def _sales(
    context: dg.AssetExecutionContext, folder: Path | None, _keys: Sequence[dg.AssetKey]
) -> Iterator[Landings]:
    landing = context.resources.landing
    yield {source_key(SALES): partial(restore_dump, folder, landing.restore)}


@contextmanager
def _history(
    context: dg.AssetExecutionContext, folder: Path | None, _keys: Sequence[dg.AssetKey]
) -> Iterator[Landings]:
    landing = context.resources.landing
    with context.resources.staging.connect() as staging:
        yield {
            dg.AssetKey(spec.target.split(".")): partial(
                land_history, spec, folder, staging, landing.max_rejected_share
            )
            for spec in HISTORY_FILES
        } | {
            dg.AssetKey([SALES_HISTORY.schema, SALES_HISTORY.name]): partial(
                land_sales_history, folder, staging, landing.max_rejected_share
            )
        }


@contextmanager
def _search_terms(
    context: dg.AssetExecutionContext, folder: Path | None, keys: Sequence[dg.AssetKey]
) -> Iterator[Landings]:
    landing = context.resources.landing
    with context.resources.staging.target() as target:
        ensure_results(target, context.run.run_id)
    with context.resources.staging.connect() as staging:
        land = partial(land_search_terms, folder, staging, landing.max_rejected_share)
        yield dict.fromkeys(keys, land)


@contextmanager
def _seed(
    context: dg.AssetExecutionContext, folder: Path | None, _keys: Sequence[dg.AssetKey]
) -> Iterator[Landings]:
    landing, production = context.resources.landing, context.resources.production
    share = landing.max_rejected_share
    with context.resources.staging.connect() as staging:
        if production.is_target:
            with closing(connect_postgresql(production.url)) as connection:
                yield {SEED: partial(seed_production, folder, connection, staging, share)}
        else:
            with production.warehouse() as warehouse:
                run_id = context.run.run_id
                yield {SEED: partial(seed_warehouse, folder, warehouse, staging, run_id, share)}
