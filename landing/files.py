"""The landing files, each declared once."""

from __future__ import annotations

from landing.spec import Field, FileSpec
from landing.values import Date, Integer, Money, Text, Timestamp

OLTPDATA = FileSpec(
    name="oltpdata.csv",
    target="shop.sales_data",
    description="Sales of the shop",
    header=False,
    fields=(
        Field("product_id", Integer(), "The product that was sold"),
        Field("customer_id", Integer(), "Who bought it"),
        Field("price", Money(), "Price of one piece", usual=(0, 10**10)),
        Field("quantity", Integer(32), "Pieces sold", usual=(-200, 200)),
        Field("timestamp", Timestamp(), "When, in the zone of the business"),
    ),
)

CUSTOMERS = FileSpec(
    name="customers.csv",
    target="shop.customers",
    description="Customers of the shop",
    key=("customer_id",),
    fields=(
        Field("customer_id", Integer(), "The shop's number of the customer"),
        Field("first_name", Text(), "First name", required=False),
        Field("last_name", Text(), "Last name", required=False),
        Field("email", Text(), "Mail address", required=False),
        Field("city", Text(), "City", required=False),
        Field("country", Text(), "Country", required=False),
    ),
)

INVENTORY = FileSpec(
    name="inventory.csv",
    target="shop.inventory",
    description="Stock of each product",
    key=("product_id",),
    fields=(
        Field("product_id", Integer(), "The product"),
        Field("quantity", Integer(32), "Pieces in stock"),
        Field("reorder_level", Integer(32), "Pieces at which it is ordered again"),
    ),
)

DIM_DATE = FileSpec(
    name="DimDate.csv",
    target="raw.dim_date",
    description="Days of the landed history; the file's attributes may contradict its date",
    key=("dateid",),
    fields=(
        Field("dateid", Integer(), "The history's number of the day"),
        Field("date", Date(), "The day"),
        Field("year", Integer(32), "Year, as the file has it"),
        Field("quarter", Integer(32), "Quarter, as the file has it"),
        Field("quartername", Text(), "Quarter's name, as the file has it", required=False),
        Field("month", Integer(32), "Month, as the file has it"),
        Field("monthname", Text(), "Month's name, as the file has it", required=False),
        Field("day", Integer(32), "Day of the month, as the file has it"),
        Field("weekday", Integer(32), "Day of the week, as the file has it"),
        Field("weekdayname", Text(), "Day of the week's name, as the file has it", required=False),
    ),
)

DIM_CATEGORY = FileSpec(
    name="DimCategory.csv",
    target="raw.dim_category",
    description="Categories of the landed history",
    key=("categoryid",),
    fields=(
        Field("categoryid", Integer(), "The history's number of the category"),
        Field("category", Text(), "The category's name"),
    ),
)

DIM_COUNTRY = FileSpec(
    name="DimCountry.csv",
    target="raw.dim_country",
    description="Countries of the landed history",
    key=("countryid",),
    fields=(
        Field("countryid", Integer(), "The history's number of the country"),
        Field("country", Text(), "The country's name"),
    ),
)

FACT_SALES = FileSpec(
    name="FactSales.csv",
    target="raw.fact_sales",
    description="Sales of the landed history",
    key=("orderid",),
    fields=(
        Field("orderid", Integer(), "The history's number of the sale"),
        Field("dateid", Integer(), "Its day in dim_date"),
        Field("countryid", Integer(), "Its country in dim_country"),
        Field("categoryid", Integer(), "Its category in dim_category"),
        Field("amount", Money(14, 2), "What was paid"),
    ),
)

# Price and time are NULL in production where its row had none, so the file may lack them too.
SALES_SEED = FileSpec(
    name="sales.csv",
    target="sales.sales_data",
    description="What production knew of the sales before the first sync",
    key=("rowid",),
    fields=(
        Field("rowid", Integer(), "The row's number in MySQL's table of the same name"),
        Field("product_id", Integer(), "The product that was sold"),
        Field("customer_id", Integer(), "Who bought it"),
        Field("price", Money(), "Price of one piece", required=False),
        Field("quantity", Integer(32), "Pieces sold"),
        Field("timestamp", Timestamp(), "When, in the zone of the business", required=False),
    ),
)

# Without a key: the same line twice is two sales.
ECOMMERCE = FileSpec(
    name="ecommerce.csv",
    target="raw.sales_history",
    description="Sales history by day, category and item; a line that repeats is a sale that repeats",
    fields=(
        Field("day", Integer(32), "Day of the month, as the file has it"),
        Field("month", Integer(32), "Month, as the file has it"),
        Field("quarter", Integer(32), "Quarter, as the file has it", required=False),
        Field("year", Integer(32), "Year, as the file has it"),
        Field("category", Text(), "Category of what was sold"),
        Field("item", Text(), "What was sold"),
        Field("price", Money(), "What was paid"),
    ),
)

# Where values of the same columns are known from, beside the table that a file goes to.
RELATED = {
    OLTPDATA.name: (
        (CUSTOMERS, ("customer_id",)),
        (INVENTORY, ("product_id",)),
        (SALES_SEED, ("product_id", "customer_id", "price", "quantity")),
    )
}

SEARCH_TERMS = FileSpec(
    name="searchterms.csv",
    target="raw.search_terms",
    description="What visitors searched for, one row a search",
    fields=(
        Field("day", Integer(32), "Day of the month"),
        Field("month", Integer(32), "Calendar month, 1 to 12"),
        Field("year", Integer(32), "Calendar year"),
        Field("searchterm", Text(), "What was searched for, as it was typed"),
    ),
)

SHOP_FILES = (OLTPDATA, CUSTOMERS, INVENTORY)
HISTORY_FILES = (DIM_DATE, DIM_CATEGORY, DIM_COUNTRY, FACT_SALES)
