"""The reports, counted once more from the landing files alone: pandas over CSV and JSON, no SQL, no model."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pandas as pd

SALE = ["year", "quarter", "month", "country", "category", "amount"]


def read_sales(folder: Path) -> pd.DataFrame:
    """All sales of a landing folder, history and shop, one row a sale."""
    return pd.concat([_history(folder), _shop(folder)], ignore_index=True)[SALE]


def total(sales: pd.DataFrame, *groups: str) -> list[tuple[str, ...]]:
    """`groups`, total and count as the CSV exports write them, sorted by the groups."""
    if not groups:
        return [(_money(sales["amount"].sum()), str(len(sales)))]
    found = sales.groupby(list(groups))["amount"].agg(["sum", "count"])
    rows = [(_tuple(key), total, count) for key, total, count in found.itertuples()]
    return [(*map(str, key), _money(amount), str(count)) for key, amount, count in sorted(rows)]


def _history(folder: Path) -> pd.DataFrame:
    sales = pd.read_csv(folder / "FactSales.csv", dtype={"amount": str})
    days = pd.read_csv(folder / "DimDate.csv", parse_dates=["date"])[["dateid", "date"]]
    sales = (
        sales.merge(days, on="dateid")
        .merge(pd.read_csv(folder / "DimCountry.csv"), on="countryid")
        .merge(pd.read_csv(folder / "DimCategory.csv"), on="categoryid")
    )
    sales["amount"] = sales["amount"].map(Decimal)
    return _with_calendar(sales, sales["date"])


def _shop(folder: Path) -> pd.DataFrame:
    columns = ["product_id", "customer_id", "price", "quantity", "timestamp"]
    sales = pd.read_csv(
        folder / "oltpdata.csv", names=columns, dtype={"price": str}, parse_dates=["timestamp"]
    )
    customers = pd.read_csv(folder / "customers.csv")[["customer_id", "country"]]
    sales = sales.merge(customers, on="customer_id").merge(_products(folder), on="product_id")
    sales["amount"] = sales["price"].map(Decimal) * sales["quantity"].map(Decimal)
    return _with_calendar(sales, sales["timestamp"])


def _products(folder: Path) -> pd.DataFrame:
    lines = [line for path in folder.glob("catalog*.json") for line in path.read_text().splitlines()]
    return pd.DataFrame([json.loads(line) for line in lines])[["product_id", "category"]]


def _with_calendar(sales: pd.DataFrame, day: pd.Series) -> pd.DataFrame:
    return sales.assign(year=day.dt.year, quarter=day.dt.quarter, month=day.dt.month)


def _tuple(key: object) -> tuple[object, ...]:
    return key if isinstance(key, tuple) else (key,)


def _money(amount: Decimal) -> str:
    return f"{amount:.2f}"
