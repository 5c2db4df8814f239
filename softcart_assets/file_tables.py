"""What is read from files and buckets: one declaration a table. How their files look is in
`resources/files.py`."""

from sync.spec import OBJECT_COLUMNS, Column, Strategy, Table

SOURCE = "files"

ORDER_LINES = Table(
    name="order_lines",
    source=SOURCE,
    database="orders",
    strategy=Strategy.LATEST,
    cursor="updated_at",
    key=("order_number", "line_number"),
    columns=(
        Column("order_number", "bigint", "number of the order", "ORDERNUMBER"),
        Column("line_number", "integer", "number of the line in its order", "ORDERLINENUMBER"),
        Column("ordered_at", "timestamp", "when it was ordered, in the business's zone", "ORDERDATE"),
        Column("status", "text", "state of the order, such as Shipped or Cancelled", "STATUS"),
        Column("quantity", "integer", "pieces ordered", "QUANTITYORDERED"),
        Column("price", "numeric(12,2)", "price of one piece", "PRICEEACH"),
        Column("sales", "numeric(14,2)", "what the line comes to", "SALES"),
        Column("product_code", "text", "code of the product", "PRODUCTCODE"),
        Column("product_line", "text", "line of products that it belongs to", "PRODUCTLINE"),
        Column("list_price", "numeric(12,2)", "list price of one piece", "MSRP"),
        Column("customer_name", "text", "who ordered", "CUSTOMERNAME"),
        Column("phone", "text", "the customer's telephone number", "PHONE"),
        Column("address_line_1", "text", "street and number", "ADDRESSLINE1"),
        Column("address_line_2", "text", "further line of the address", "ADDRESSLINE2"),
        Column("city", "text", "city", "CITY"),
        Column("state", "text", "state or province", "STATE"),
        Column("postal_code", "text", "postal code", "POSTALCODE"),
        Column("country", "text", "country", "COUNTRY"),
        Column("territory", "text", "sales territory: NA, EMEA, APAC or Japan", "TERRITORY"),
        Column("contact_last_name", "text", "family name of who is to be asked there", "CONTACTLASTNAME"),
        Column("contact_first_name", "text", "given name of who is to be asked there", "CONTACTFIRSTNAME"),
        Column(
            "updated_at", "timestamptz", "when the line was last changed; not every file tells", "UPDATED_AT"
        ),
        *OBJECT_COLUMNS,
    ),
    history=True,
    description="Order lines, of each the one that was updated last, whenever its file came.",
)

CHARGES = Table(
    name="charges",
    source=SOURCE,
    database="charges",
    strategy=Strategy.LATEST,
    cursor="updated_at",
    key=("charge_id",),
    columns=(
        Column("charge_id", "bigint", "number of the charge"),
        Column("sale", "bigint", "number of the sale that is paid"),
        Column("amount", "numeric(12,2)", "what is charged"),
        Column("currency", "text", "currency, by its three letters"),
        Column("status", "text", "state of the charge: paid, refunded or failed"),
        Column("updated_at", "timestamptz", "when the charge was last changed"),
        *OBJECT_COLUMNS,
    ),
    description="Charges, of each the one that was updated last, whenever its file came.",
)

FILES = (ORDER_LINES, CHARGES)
