"""What is synced: one declaration a table, and nothing else.

To sync one more table, add one `Table` to `SHOP`, `CATALOG` or `SALES` (what comes from files is in
`file_tables.py`); its asset, its table in the target, its checks and its metadata follow from it. What a
declaration can say is in `sync/spec.py`.
"""

from softcart_assets.file_tables import FILES
from sync.spec import Column, Deletes, Strategy, Table

CREATED = Column("created_at", "timestamptz", "when the shop's server first stored the row")
UPDATED = Column("updated_at", "timestamptz", "when the shop's server last changed the row")

SHOP = (
    Table(
        name="sales_data",
        source="mysql",
        database="shop",
        strategy=Strategy.LOG,
        key=("rowid",),
        columns=(
            Column("rowid", "bigint", "the sale's number"),
            Column("product_id", "bigint", "the product sold"),
            Column("customer_id", "bigint", "the customer who bought it"),
            Column("price", "numeric(12,2)", "price of one piece at the sale, in the shop's currency"),
            Column("quantity", "integer", "pieces sold"),
            Column("timestamp", "timestamp", "time of the sale in the business's time zone"),
            CREATED,
            UPDATED,
        ),
        description="Sales of the running shop, one row a sale.",
    ),
    Table(
        name="customers",
        source="mysql",
        database="shop",
        strategy=Strategy.LOG,
        key=("customer_id",),
        columns=(
            Column("customer_id", "bigint", "the customer's number"),
            Column("first_name", "text", "given name"),
            Column("last_name", "text", "family name"),
            Column("email", "text", "e-mail address"),
            Column("city", "text", "city of residence"),
            Column("country", "text", "country of residence, its English name"),
            CREATED,
            UPDATED,
        ),
        history=True,
        description="The shop's customers as they are now; what they were is in the change log.",
    ),
    Table(
        name="inventory",
        source="mysql",
        database="shop",
        strategy=Strategy.LOG,
        key=("product_id",),
        columns=(
            Column("product_id", "bigint", "the product stocked"),
            Column("quantity", "integer", "pieces in stock"),
            Column("reorder_level", "integer", "stock below which the product is ordered again"),
            CREATED,
            UPDATED,
        ),
        description="Pieces in stock, one row a product.",
    ),
)


def collection(name: str, description: str) -> Table:
    """A collection of the product catalog: the fields that the star uses, and the document whole."""
    return Table(
        name=name,
        source="mongodb",
        database="catalog",
        strategy=Strategy.LOG,
        key=("_id",),
        columns=(
            Column("_id", "text", "the document's id as text"),
            Column("product_id", "bigint", "the product's number, where the catalog gives one"),
            Column("type", "text", "kind of product, such as laptop"),
            Column("model", "text", "the product's name"),
            Column("category", "text", "category of goods; the collection's own where it is missing"),
            Column("price", "numeric(12,2)", "list price of one piece, in the shop's currency"),
        ),
        document="document",
        history=True,
        description=description,
    )


CATALOG = (
    collection("electronics", "The catalog's electronics: phones, laptops, televisions and the like."),
    collection("books", "The catalog's books."),
    collection("toys", "The catalog's toys and games."),
    collection("sports", "The catalog's sports goods."),
    collection("clothing", "The catalog's clothing."),
)

SALES = Table(
    name="sales_data",
    source="mysql",
    database="sales",
    strategy=Strategy.LOG,
    key=("rowid",),
    columns=(
        Column("rowid", "bigint", "the order line's number"),
        Column("product_id", "bigint", "the product sold"),
        Column("customer_id", "bigint", "the customer who bought it"),
        Column("quantity", "integer", "pieces sold"),
    ),
    optional=True,
    target="production",
    schema="sales",
    deletes=Deletes.IGNORE,
    adopt=True,
    description=(
        "Order lines of the sales system, merged by rowid into the table that production already had; "
        "columns and rows that only production has are left alone."
    ),
)

TABLES = (*SHOP, *CATALOG, SALES, *FILES)
