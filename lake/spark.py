"""A snapshot of a Delta table in Spark, read by its list of files: no jar is needed for that.

Reading the folder would also take files of earlier versions and of writers that were killed.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING

from lake.delta import lake_errors, open_table, snapshot_of
from lake.location import Location
from sync.errors import SyncError
from sync.object_store import REGION

if TYPE_CHECKING:
    from deltalake import DeltaTable
    from pyspark.sql import DataFrame, SparkSession

# What `spark.jars.packages` needs for S3: without the exclusion 686 MB instead of 15.
S3A_PACKAGES = (
    "org.apache.hadoop:hadoop-aws:3.5.0",
    "software.amazon.awssdk:s3:2.35.4",
    "software.amazon.awssdk:s3-transfer-manager:2.35.4",
    "software.amazon.awssdk:sts:2.35.4",
)
S3A_EXCLUDED = "software.amazon.awssdk:bundle"
S3A_MARK = "spark.hadoop.fs.s3a.path.style.access"


def package_settings(packages: str) -> dict[str, str]:
    """What a session needs to load `packages` (Maven's coordinates, parted by commas), and to reach S3 where
    Hadoop's client for it is among them. Its keys it finds in the environment, as delta-rs does: settings are
    on the JVM's command line, for all to see."""
    if not packages:
        return {}
    loaded = {"spark.jars.packages": packages, "spark.jars.excludes": S3A_EXCLUDED}
    if "hadoop-aws" not in packages:
        return loaded
    endpoint = os.environ.get("AWS_ENDPOINT_URL", "")
    named = {
        "spark.hadoop.fs.s3a.endpoint": endpoint,
        "spark.hadoop.fs.s3a.endpoint.region": os.environ.get("AWS_REGION") or REGION,
        "spark.hadoop.fs.s3a.connection.ssl.enabled": str(not endpoint.startswith("http://")).lower(),
        "spark.hadoop.fs.s3a.attempts.maximum": "2",
        "spark.hadoop.fs.s3a.retry.limit": "2",
        S3A_MARK: "true",
    }
    return loaded | {name: value for name, value in named.items() if value}


def read(session: SparkSession, location: Location, folder: str) -> DataFrame:
    """The newest version of a table. Raises `SyncError` where there is none, or Spark cannot get there."""
    from pyspark.sql.types import StructType

    table = open_table(location, folder)
    if table is None:
        raise SyncError(
            f"the lake has no table {location.table(folder)}: materialize lake/{Path(folder).name}"
        )
    snapshot = snapshot_of(table)
    schema = StructType.fromJson(json.loads(snapshot.schema))
    if not snapshot.files:
        return session.createDataFrame([], schema)
    if location.scheme != "s3":
        return session.read.schema(schema).option("basePath", snapshot.uri).parquet(*snapshot.files)
    if session.conf.get(S3A_MARK, None):
        files = [f"s3a://{uri.removeprefix('s3://')}" for uri in snapshot.files]
        base = f"s3a://{snapshot.uri.removeprefix('s3://')}"
        return session.read.schema(schema).option("basePath", base).parquet(*files)
    return session.read.schema(schema).parquet(_brought_here(session, table))


def _brought_here(session: SparkSession, table: DeltaTable) -> str:
    """A copy of a snapshot in the session's own folder, for a Spark on this machine without S3's client."""
    import pyarrow.dataset as ds  # noqa: PLC0415

    master, folder = session.conf.get("spark.master", ""), session.conf.get("spark.local.dir", None)
    if not (master or "").startswith("local") or not folder:
        raise SyncError(
            f"Spark at {master or 'a Connect server'} has no client for S3: let SOFTCART_SPARK_PACKAGES be"
            f" {','.join(S3A_PACKAGES)}"
        )
    copied = mkdtemp(dir=folder, prefix="snapshot-")
    with lake_errors(table.table_uri):
        ds.write_dataset(table.to_pyarrow_dataset().scanner(), copied, format="parquet")
    return copied
