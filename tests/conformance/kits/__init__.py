"""The warehouses that the suite is run on, each with what a test needs besides the contract."""

from __future__ import annotations

from tests.conformance.kits.base import Kit
from tests.conformance.kits.bigquery import BigQueryKit
from tests.conformance.kits.db2 import Db2Kit
from tests.conformance.kits.postgresql import ByValueKit, GenericKit, PostgreSQLKit
from tests.conformance.kits.redshift import RedshiftKit
from tests.conformance.kits.snowflake import SnowflakeKit

__all__ = ["KITS", "Kit"]

# By name: what makes a kit of the URL of its server.
KITS: dict[str, type[Kit]] = {
    "postgresql": PostgreSQLKit,
    "generic": GenericKit,
    "by_value": ByValueKit,
    "bigquery": BigQueryKit,
    "db2": Db2Kit,
    "redshift": RedshiftKit,
    "snowflake": SnowflakeKit,
}
