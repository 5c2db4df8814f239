"""The landing files, each declared once."""

from __future__ import annotations

from landing.spec import Field, FileSpec
from landing.values import Date, Integer, Money, Text, Timestamp

OLTPDATA = FileSpec(
    name="oltpdata.csv",
    target="shop.sales_data",
    header=False,
    fields=(
        Field("product_id", Integer()),
        Field("customer_id", Integer()),
        Field("price", Money()),
        Field("quantity", Integer(32)),
        Field("timestamp", Timestamp()),
    ),
)

CUSTOMERS = FileSpec(
    name="customers.csv",
    target="shop.customers",
    key=("customer_id",),
    fields=(
        Field("customer_id", Integer()),
        Field("first_name", Text(), required=False),
        Field("last_name", Text(), required=False),
        Field("email", Text(), required=False),
        Field("city", Text(), required=False),
        Field("country", Text(), required=False),
    ),
)

INVENTORY = FileSpec(
    name="inventory.csv",
    target="shop.inventory",
    key=("product_id",),
    fields=(
        Field("product_id", Integer()),
        Field("quantity", Integer(32)),
        Field("reorder_level", Integer(32)),
    ),
)

DIM_DATE = FileSpec(
    name="DimDate.csv",
    target="raw.dim_date",
    key=("dateid",),
    fields=(
        Field("dateid", Integer()),
        Field("date", Date()),
        Field("year", Integer(32)),
        Field("quarter", Integer(32)),
        Field("quartername", Text(), required=False),
        Field("month", Integer(32)),
        Field("monthname", Text(), required=False),
        Field("day", Integer(32)),
        Field("weekday", Integer(32)),
        Field("weekdayname", Text(), required=False),
    ),
)

DIM_CATEGORY = FileSpec(
    name="DimCategory.csv",
    target="raw.dim_category",
    key=("categoryid",),
    fields=(Field("categoryid", Integer()), Field("category", Text())),
)

DIM_COUNTRY = FileSpec(
    name="DimCountry.csv",
    target="raw.dim_country",
    key=("countryid",),
    fields=(Field("countryid", Integer()), Field("country", Text())),
)

FACT_SALES = FileSpec(
    name="FactSales.csv",
    target="raw.fact_sales",
    key=("orderid",),
    fields=(
        Field("orderid", Integer()),
        Field("dateid", Integer()),
        Field("countryid", Integer()),
        Field("categoryid", Integer()),
        Field("amount", Money(14, 2)),
    ),
)

# What production knew of the sales before the first sync; rows that came without a price keep having none.
SALES_SEED = FileSpec(
    name="sales.csv",
    target="sales.sales_data",
    key=("rowid",),
    fields=(
        Field("rowid", Integer()),
        Field("product_id", Integer()),
        Field("customer_id", Integer()),
        Field("price", Money(), required=False),
        Field("quantity", Integer(32)),
        Field("timestamp", Timestamp(), required=False),
    ),
)

SHOP_FILES = (OLTPDATA, CUSTOMERS, INVENTORY)
HISTORY_FILES = (DIM_DATE, DIM_CATEGORY, DIM_COUNTRY, FACT_SALES)

SALES_DUMP = "sales.sql"
CATALOG_FILE = "catalog.json"
# The collection that `catalog.json` goes to; `catalog_<name>.json` goes to collection <name>.
CATALOG_COLLECTION = "electronics"
