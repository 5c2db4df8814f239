"""The lake: where it is, and how its tables are read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg
from pydantic import Field

from lake.delta import open_table
from lake.location import Location
from lake.spark import read
from sync.errors import SyncError

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession


class LakeResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The folder, bucket or HDFS path that holds the lake's Delta tables."""

    root: str = Field(description="a path, s3://bucket/prefix (keys as AWS_… variables) or hdfs://host/path")

    def location(self) -> Location:
        """Where it is. Raises `SyncError` for a setting that is no place, and `TransientError` where the
        place does not answer."""
        location = Location.parse(self.root)
        location.check()
        return location

    def frame(self, session: SparkSession, table: str) -> DataFrame:
        """A table, such as `raw/search_terms`, in Spark. Raises `SyncError` where there is none."""
        return read(session, self.location(), table)

    def arrow(self, table: str, columns: list[str] | None = None) -> pa.Table:
        """A table in this process's memory. Raises `SyncError` where there is none."""
        location = self.location()
        opened = open_table(location, table)
        if opened is None:
            raise SyncError(f"the lake has no table {location.table(table)}")
        return opened.to_pyarrow_table(columns=columns)
