"""What landing works with: where its files are, and URLs of users that may write to the shop's databases."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import Field
from pymysql.connections import Connection

from landing.bucket import brought, is_bucket
from sync.connections.mongodb import connect_mongodb
from sync.connections.mysql import connect_mysql
from sync.errors import SyncError

if TYPE_CHECKING:
    from pymongo.database import Database


class LandingResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The landing folder and the shop's databases as landing may write to them.

    A URL that is not set means that the platform never writes there; the assets that would are external then.
    """

    folder: str | None = Field(
        default=None, description="landing files: a folder, s3://… or gs://…; none: nothing is landed"
    )
    copies: str = Field(default=".softcart/bucket", description="folder for the files of a bucket")
    mysql_url: str | None = Field(default=None, description="may define and write the tables of `shop`")
    restore_url: str | None = Field(default=None, description="may write to MySQL's database `sales` alone")
    mongodb_url: str | None = Field(default=None, description="may define and write the catalog")
    rejected_share: str = Field(
        description="share of rejected lines above which a file is not landed, from 0 to 1"
    )

    @property
    def max_rejected_share(self) -> float:
        """The share as a number. Raises `SyncError` for what is none."""
        try:
            share = float(self.rejected_share)
        except ValueError:
            share = -1
        if not 0 <= share <= 1:
            raise SyncError(
                f"SOFTCART_MAX_REJECTED_SHARE is a share between 0 and 1, not {self.rejected_share!r}"
            )
        return share

    def files(self) -> Path | None:
        """The folder of landing files on this machine; those of a bucket are brought there first.

        Raises `SyncError` for a bucket that cannot be read, `TransientError` where nobody answers.
        """
        if self.folder and is_bucket(self.folder):
            return brought(self.folder, Path(self.copies))
        return Path(self.folder) if self.folder else None

    @contextmanager
    def mysql(self) -> Iterator[Connection[Any]]:
        """A connection that may write to the shop's MySQL database, closed at the end."""
        if self.mysql_url is None:
            raise SyncError("SOFTCART_MYSQL_ADMIN_URL is not set: landing does not write to the shop")
        with closing(connect_mysql(self.mysql_url)) as connection:
            yield connection

    def restore(self) -> Connection[Any]:
        """A connection of the user who restores dumps; the caller closes it."""
        if self.restore_url is None:
            raise SyncError("SOFTCART_MYSQL_RESTORE_URL is not set: no dump is restored")
        return connect_mysql(self.restore_url)

    @contextmanager
    def mongodb(self) -> Iterator[Database[dict[str, Any]]]:
        """The catalog's database, opened by a user who may write to it, closed at the end."""
        if self.mongodb_url is None:
            raise SyncError("SOFTCART_MONGO_ADMIN_URL is not set: landing does not write to the catalog")
        with connect_mongodb(self.mongodb_url) as client:
            yield client.get_default_database()
