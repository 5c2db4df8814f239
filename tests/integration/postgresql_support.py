"""What the tests of PostgreSQL as a source share: two databases of one server."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from sync.connections.postgresql import connect_postgresql
from tests.integration.sync_support import Pipeline


@dataclass
class Databases(Pipeline):
    """A pipeline from one PostgreSQL database, whose owner the source's user is, to another."""

    source_url: str = field(default="", repr=False)

    def execute(self, *statements: str) -> list[tuple[Any, ...]]:
        """Run statements in the source, each a transaction; the last one's rows."""
        with closing(connect_postgresql(self.source_url)) as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []
