"""The generated shop: whole, repeatable, and shaped like a business."""

import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import demo
from demo.market import CATEGORIES, COUNTRIES
from demo.sales_history import BROKEN, MISSING

SALE = ["product_id", "customer_id", "price", "quantity", "timestamp"]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    demo.generate(folder)
    return folder


@pytest.fixture(scope="module")
def products(shop: Path) -> pd.DataFrame:
    files = sorted(shop.glob("catalog*.json"))
    documents = [json.loads(line) for file in files for line in file.read_text("utf-8").splitlines()]
    return pd.DataFrame(documents).set_index("product_id", verify_integrity=True)


@pytest.fixture(scope="module")
def sales(shop: Path) -> pd.DataFrame:
    return pd.read_csv(shop / "oltpdata.csv", names=SALE, parse_dates=["timestamp"])


@pytest.fixture(scope="module")
def customers(shop: Path) -> pd.DataFrame:
    return pd.read_csv(shop / "customers.csv").set_index("customer_id", verify_integrity=True)


@pytest.fixture(scope="module")
def history(shop: Path) -> pd.DataFrame:
    facts = pd.read_csv(shop / "FactSales.csv")
    for table, key in (("DimDate", "dateid"), ("DimCountry", "countryid"), ("DimCategory", "categoryid")):
        facts = facts.merge(pd.read_csv(shop / f"{table}.csv"), on=key, how="left", validate="many_to_one")
    return facts


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files_in(folder)
    }


def files_in(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.rglob("*")) if path.is_file()]


def test_the_same_seed_and_size_give_the_same_bytes_in_another_interpreter(
    shop: Path, tmp_path: Path
) -> None:
    subprocess.run(
        [sys.executable, "-m", "demo", "generate", str(tmp_path)],
        env={**os.environ, "PYTHONHASHSEED": "4711", "TZ": "Asia/Tokyo", "LC_ALL": "C"},
        check=True,
        stdout=subprocess.DEVNULL,
    )
    assert digests(tmp_path) == digests(shop)


def test_another_seed_gives_another_shop(tmp_path: Path) -> None:
    demo.generate(tmp_path / "one", seed=1, size=200)
    demo.generate(tmp_path / "two", seed=2, size=200)
    one, two = digests(tmp_path / "one"), digests(tmp_path / "two")
    alike = {name for name in one if one[name] == two[name]}
    assert alike == {"DimDate.csv", "DimCategory.csv", "DimCountry.csv"}


def test_a_file_that_would_not_change_is_left_untouched_and_nothing_else_stays_behind(tmp_path: Path) -> None:
    written = demo.generate(tmp_path, size=100)
    before = {path: path.stat().st_mtime_ns for path in files_in(tmp_path)}
    assert set(before) == set(written)
    (tmp_path / "inventory.csv").write_text("spoilt")
    demo.generate(tmp_path, size=100)
    after = {path: path.stat().st_mtime_ns for path in files_in(tmp_path)}
    changed = {path.name for path in before if before[path] != after[path]}
    assert after.keys() == before.keys()
    assert changed == {"inventory.csv"}


def test_every_sale_joins_a_product_and_a_customer(
    sales: pd.DataFrame, products: pd.DataFrame, customers: pd.DataFrame
) -> None:
    assert sales["product_id"].isin(products.index).all()
    assert sales["customer_id"].isin(customers.index).all()
    assert sales["timestamp"].is_monotonic_increasing
    assert (sales["price"] > 0).all() and (sales["quantity"] != 0).all()


def test_what_comes_back_is_an_entry_of_its_own_after_its_sale(sales: pd.DataFrame) -> None:
    returns = sales[sales["quantity"] < 0].assign(quantity=lambda rows: -rows["quantity"])
    bought = sales[sales["quantity"] > 0]
    assert 0.03 < len(returns) / len(sales) < 0.06
    terms = ["product_id", "customer_id", "price", "quantity"]
    pairs = returns.merge(bought, on=terms, suffixes=("", "_sold"))
    days = (pairs["timestamp"].dt.normalize() - pairs["timestamp_sold"].dt.normalize()).dt.days
    assert set(pairs.loc[days.between(1, 14), "timestamp"]) == set(returns["timestamp"])


def test_every_product_is_sellable_and_in_stock_keeping(shop: Path, products: pd.DataFrame) -> None:
    inventory = pd.read_csv(shop / "inventory.csv")
    assert set(inventory["product_id"]) == set(products.index)
    assert products[["type", "model", "category", "price"]].notna().all(axis=None)
    assert not products.duplicated(["category", "model"]).any()
    assert set(products["category"]) == {category.name for category in CATEGORIES}
    laptops = products[products["type"] == "laptop"]
    assert laptops[["screen size", "ram", "hard disk"]].notna().all(axis=None)


def test_countries_and_categories_of_the_shop_are_those_of_the_warehouse(
    shop: Path, customers: pd.DataFrame, products: pd.DataFrame
) -> None:
    assert set(customers["country"]) <= set(pd.read_csv(shop / "DimCountry.csv")["country"])
    assert set(products["category"]) == set(pd.read_csv(shop / "DimCategory.csv")["category"])


def test_the_history_covers_three_whole_years_and_every_fact_joins(history: pd.DataFrame) -> None:
    assert len(history) == 60_000
    assert history["orderid"].is_unique
    assert history.notna().all(axis=None)
    assert (history["amount"] > 0).all()
    assert history["Year"].nunique() == 3


def test_the_calendar_agrees_with_its_dates(shop: Path) -> None:
    dates = pd.read_csv(shop / "DimDate.csv", parse_dates=["date"])
    day = dates["date"].dt
    assert len(dates) == 3 * 365 + 1
    assert (dates["Quarter"] == day.quarter).all() and (
        dates["QuarterName"] == "Q" + day.quarter.astype(str)
    ).all()
    assert (dates["Monthname"] == day.month_name()).all() and (dates["WeekdayName"] == day.day_name()).all()
    assert (dates["Weekday"] == day.isocalendar().day % 7 + 1).all()


def test_the_history_shows_trend_and_season(history: pd.DataFrame) -> None:
    sold = history.pivot_table(index="Year", columns="category", values="orderid", aggfunc="count")
    growth = (sold.iloc[-1] / sold.iloc[0]) ** 0.5
    for category in CATEGORIES:
        assert growth[category.name] == pytest.approx(1 + category.growth, abs=0.06)
    toys = history[history["category"] == "Toys"].groupby("Month")["orderid"].count()
    assert toys[12] > 2.5 * toys[1]
    assert toys.idxmax() == 12


def test_weekends_evenings_and_a_few_customers_and_products_carry_the_sales(sales: pd.DataFrame) -> None:
    def share_of_top_fifth(column: str) -> float:
        counts = sales[column].value_counts()
        return float(counts.head(len(counts) // 5).sum() / len(sales))

    assert 0.4 < share_of_top_fifth("product_id") < 0.75
    assert 0.4 < share_of_top_fifth("customer_id") < 0.75
    by_hour = sales["timestamp"].dt.hour.value_counts()
    assert by_hour[20] > 5 * by_hour[3]
    by_day = sales["timestamp"].dt.dayofweek.value_counts()
    assert by_day[5] > by_day[4]


def test_the_country_mix_is_that_of_the_market(history: pd.DataFrame) -> None:
    total = sum(country.share for country in COUNTRIES)
    share = history["country"].value_counts(normalize=True)
    for country in COUNTRIES:
        assert share[country.name] == pytest.approx(country.share / total, abs=0.01)


def test_the_dump_and_what_production_holds_are_the_first_sales_by_rowid(
    shop: Path, sales: pd.DataFrame
) -> None:
    dump = (shop / "sales.sql").read_text()
    rows = [tuple(map(int, row)) for row in re.findall(r"^\((\d+), (\d+), (\d+), (-?\d+)\)", dump, re.M)]
    held = pd.read_csv(shop / "sales.csv", parse_dates=["timestamp"])
    columns = ["product_id", "customer_id", "quantity"]
    assert 0 < len(held) < len(rows) < len(sales)
    assert [row[0] for row in rows] == list(range(1, len(rows) + 1))
    assert [row[1:] for row in rows] == list(
        sales[columns].head(len(rows)).itertuples(index=False, name=None)
    )
    assert held["rowid"].tolist() == list(range(1, len(held) + 1))
    pd.testing.assert_frame_equal(held[SALE], sales.head(len(held)))


def test_the_sales_history_has_a_gap_and_breaks_in_a_season_with_trends(shop: Path) -> None:
    history = pd.read_csv(shop / "ecommerce.csv")
    dates = pd.to_datetime(history[["year", "month", "day"]])
    assert dates.is_monotonic_increasing
    assert (history["quarter"] == dates.dt.quarter).all()
    volume = dates.value_counts().sort_index()
    missing = pd.date_range(volume.index[0], volume.index[-1]).difference(volume.index)
    assert set(missing.date) == set(MISSING)
    usual = volume.rolling(29, center=True, min_periods=8).median()
    for day, factor in BROKEN.items():
        recorded = volume[pd.Timestamp(day)] / usual[pd.Timestamp(day)]
        assert recorded < 0.5 if factor < 1 else recorded > 2
    mobiles = history[history["item"] == "Mobile"].groupby(["year", "quarter"]).size()
    assert mobiles[2025, 4] > mobiles[2023, 4] > mobiles[2023, 1]


def test_everything_scales_with_the_number_of_current_sales(tmp_path: Path) -> None:
    def lines(size: int, name: str) -> int:
        return (tmp_path / str(size) / name).read_bytes().count(b"\n")

    for size in (1, 1_000, 10_000):
        demo.generate(tmp_path / str(size), size=size)
        assert lines(size, "oltpdata.csv") == size
        assert lines(size, "FactSales.csv") == 3 * size + 1
        assert lines(size, "ecommerce.csv") == 2 * size + 1
    assert lines(10_000, "customers.csv") == 1_251
    assert lines(10_000, "inventory.csv") > 2 * lines(1_000, "inventory.csv")
