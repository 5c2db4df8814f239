"""Charges that come hour by hour: the newest of each, whatever comes late."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import closing
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from demo.charges import HOURS, charge_files
from demo.market import CURRENT_END
from resources.files import LAYOUTS
from softcart_assets.build import build_defs
from softcart_assets.file_tables import CHARGES
from sync.connections.postgresql import connect_postgresql
from sync.engine import run_pass
from sync.errors import SyncError
from sync.sources.files.source import FileSource, Place
from sync.systems import open_warehouse
from sync.targets.postgresql.target import PostgreSQLTarget
from sync.warehouses.mirror import mirror
from sync.warehouses.postgresql.staging import PostgreSQLStaging
from sync.warehouses.schema import TableName
from tests.integration.sync_support import query

Charge = tuple[int, Decimal, str, datetime]


def test_late_charges_are_kept_that_updated_in_the_last_hour_would_lose(staging: str, tmp_path: Path) -> None:
    """Against all lines sorted, and against a merge of what says that it was updated in the last hour."""
    files = {name: "".join(lines) for name, lines in charge_files(seed=7, size=20_000).items()}
    assert len(files) == HOURS
    newest: dict[int, Charge] = {}
    by_the_hour: dict[int, Charge] = {}
    source = FileSource({"charges": Place(str(tmp_path), LAYOUTS["charges"])})
    target = PostgreSQLTarget(staging)
    start = datetime.combine(CURRENT_END, datetime.min.time()).astimezone() - timedelta(hours=HOURS)
    for hour, (name, text) in enumerate(files.items()):
        path = tmp_path / Path(name).name
        path.write_text(text)
        written = (start + timedelta(hours=hour + 1)).timestamp()
        os.utime(path, (written, written))
        last_hour = max((charge[3] for charge in charges(text)), default=start) - timedelta(hours=1)
        for charge in charges(text):
            if charge[0] not in newest or newest[charge[0]][3] <= charge[3]:
                newest[charge[0]] = charge
            if charge[3] > last_hour:
                by_the_hour[charge[0]] = charge
        if hour % 6 == 5:
            run_pass(CHARGES, source, target, f"hour {hour}")
    columns = "charge_id, amount, status, updated_at"
    held = query(staging, f"SELECT {columns} FROM raw.charges WHERE NOT _deleted ORDER BY 1")
    assert held == sorted(newest.values())
    assert len(by_the_hour) < len(newest)


def charges(text: str) -> Iterable[Charge]:
    for line in text.splitlines()[1:]:
        charge, _, amount, _, status, updated_at = line.split(",")
        yield int(charge), Decimal(amount), status, datetime.fromisoformat(updated_at)


def test_the_hourly_job_reads_mongodb_and_the_files_and_builds_what_is_behind_them() -> None:
    job = build_defs().resolve_job_def("hourly")
    keys = {key.to_user_string() for key in job.asset_layer.selected_asset_keys}
    assert {"raw/charges", "raw/order_lines", "raw/clothing", "star/dim_product"} <= keys
    assert {"orders/invoices", "reports/charges_by_status", "production/fact_order_lines"} <= keys
    assert not {"raw/customers", "charges/charges", "raw/dim_date"} & keys
    assert not [key for key in keys if key.startswith(("exports/", "lake/"))]


def test_a_raw_table_is_mirrored_where_the_setting_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    key = dg.AssetKey(["production", "charges"])
    assert key not in keys_of()
    monkeypatch.setenv("SOFTCART_MIRRORED", "raw.charges")
    assert key in keys_of()
    monkeypatch.setenv("SOFTCART_MIRRORED", "raw.charge")
    with pytest.raises(SyncError, match=r"names 'raw\.charge'; it takes raw tables: .*raw\.charges"):
        build_defs()


def test_a_raw_table_reaches_production_with_its_rows(staging: str, production: str, tmp_path: Path) -> None:
    (tmp_path / "1.csv").write_text(
        "charge_id,sale,amount,currency,status,updated_at\n1,2,9.50,EUR,paid,2026-01-01T00:00:00+00:00\n"
    )
    source = FileSource({"charges": Place(str(tmp_path), LAYOUTS["charges"])})
    run_pass(CHARGES, source, PostgreSQLTarget(staging), "test")
    name = TableName(CHARGES.schema, CHARGES.name)
    with closing(connect_postgresql(staging)) as connection, closing(open_warehouse(production)) as warehouse:
        mirror(PostgreSQLStaging(connection), warehouse, [name], "test")
    held = query(production, "SELECT charge_id, amount, status, object_name FROM raw.charges")
    assert held == [(1, Decimal("9.50"), "paid", "1.csv")]


def keys_of() -> set[Any]:
    return {spec.key for spec in build_defs().resolve_all_asset_specs()}
