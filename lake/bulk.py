"""First loads past one reader: Spark reads a table over JDBC in parts into the lake, staging copies it from
there.

What Spark reads are the COPY lines that the source's server builds for the engine, so a value is converted in
one place. The parts show different moments; the log says what was touched since the first of them, and those
rows are read again, as they are when any first load was cut off (`sync/bulk_load.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from lake.delta import lake_errors, open_table
from lake.location import Location
from sync.connections.urls import DatabaseUrl
from sync.errors import SyncError
from sync.sources.mysql.lines import LINE, Lines

if TYPE_CHECKING:
    from deltalake import DeltaTable
    from pyspark.sql import SparkSession

DRIVER = "org.mariadb.jdbc:mariadb-java-client:3.5.6"
DRIVER_CLASS = "org.mariadb.jdbc.Driver"
FETCH_ROWS = 10_000
BATCH_ROWS = 1 << 14
TLS = {"disabled": "disable", "required": "trust", "verify_ca": "verify-ca", "verify_identity": "verify-full"}


def bulk_folder(schema: str, name: str) -> str:
    """Where the lines of a table are below the lake's root."""
    return f"bulk/{schema}/{name}"


def read_by_spark(
    session: SparkSession, url: DatabaseUrl, lines: Lines, location: Location, folder: str
) -> DeltaTable:
    """Read all parts into a Delta table of one column, which takes the place of what is in `folder`.

    Raises `SyncError` where the session has no driver, or the reading fails.
    """
    from deltalake import convert_to_deltalake  # noqa: PLC0415
    from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped]  # noqa: PLC0415
    from pyspark.errors import PySparkException

    uri = location.table(folder)
    written = uri.replace("s3://", "s3a://", 1)
    properties = {
        "user": url.user,
        "password": url.password,
        "driver": DRIVER_CLASS,
        "fetchsize": str(FETCH_ROWS),
        "sessionInitStatement": lines.settings,
    }
    try:
        rows = session.read.jdbc(
            jdbc_url(url), f"({lines.query}) AS lines_of_a_table", predicates=list(lines.conditions),
            properties=properties,
        )  # fmt: skip
        # The server calls a line text where no column is binary; its bytes are meant in either case.
        rows.selectExpr(f"CAST({LINE} AS binary) AS {LINE}").write.mode("overwrite").parquet(written)
    except (PySparkException, Py4JJavaError) as error:
        said = " ".join(str(error).split())
        if DRIVER_CLASS in said and "ClassNotFound" in said:
            said = f"it has no driver: let SOFTCART_SPARK_PACKAGES be {DRIVER} (Maven Central)"
        raise SyncError(f"Spark cannot read {url} into {uri}: {said[:500]}") from error
    with lake_errors(uri):
        convert_to_deltalake(uri, storage_options=location.storage_options())
    table = open_table(location, folder)
    assert table is not None
    return table


def jdbc_url(url: DatabaseUrl) -> str:
    """The address without user and password, which go as properties. Raises `SyncError` for an option of the
    URL that means nothing to the driver."""
    settings = {"permitMysqlScheme": "true"}  # by the other scheme Spark would quote names as strings
    mode = "verify_identity" if url.options.get("ssl_ca") else "disabled"
    for name, value in url.options.items():
        if name in ("ssl_mode", "ssl-mode"):
            mode = value.lower().replace("-", "_")
        elif name == "ssl_ca":
            settings["serverSslCert"] = value
        elif name != "charset":
            raise SyncError(
                f"{url}: Spark's driver takes no {name}: leave it out, or let a pass load the table"
            )
    if mode not in TLS:
        raise SyncError(f"{url}: Spark's driver takes an ssl_mode of {', '.join(TLS)}")
    settings["sslMode"] = TLS[mode]
    listed = "&".join(f"{name}={value}" for name, value in settings.items())
    return f"jdbc:mysql://{url.host}:{url.port or 3306}/{url.database}?{listed}"


def lines_in(table: DeltaTable) -> Iterator[list[bytes]]:
    """The lines of a Delta table, some thousands at a time."""
    with lake_errors(table.table_uri):
        for batch in table.to_pyarrow_dataset().scanner(columns=[LINE], batch_size=BATCH_ROWS).to_batches():
            yield batch.column(0).to_pylist()


def empty(table: DeltaTable) -> None:
    """Remove the lines and their files: what they hold is in staging now."""
    with lake_errors(table.table_uri):
        table.delete()
        table.vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False, full=True)
