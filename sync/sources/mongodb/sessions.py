"""Snapshot sessions: reads of several collections at one moment.

The server chooses the moment, that of the newest majority commit, at the first read, and keeps it for 300
seconds unless minSnapshotHistoryWindowInSeconds says otherwise.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument

from sync.sources.mongodb.change_stream import as_number
from sync.sources.mongodb.rows import ID
from sync.spec import Table

if TYPE_CHECKING:
    from pymongo import MongoClient
    from pymongo.client_session import ClientSession

RENEWAL_SECONDS = 100.0
RAW = CodecOptions(document_class=RawBSONDocument)  # the document may be one that cannot be decoded


class SnapshotSessions:
    """One session, and further ones where reading takes long and may go on at a later moment. On a server
    without snapshots (`able` is False) what is read is what there is then."""

    def __init__(self, client: MongoClient[dict[str, Any]], able: bool) -> None:
        self._client = client
        self._able = able
        self._renewed = False
        self._start()

    def _start(self) -> None:
        self.current: ClientSession = self._client.start_session(snapshot=self._able)
        self._started = time.monotonic()

    def renew(self) -> bool:
        """Go over to a later moment if this one has aged."""
        if not self.aged:
            return False
        self.close()
        self._start()
        self._renewed = True
        return True

    @property
    def first_moment(self) -> bool:
        """Whether all that was read shows one moment, of which more can be read still."""
        return self._able and not self._renewed and not self.aged

    @property
    def aged(self) -> bool:
        return self._able and time.monotonic() - self._started > RENEWAL_SECONDS

    def time(self, table: Table) -> int | None:
        """The moment as a cluster time, see `change_stream.Event`; None while none is chosen: a collection
        that does not exist does not count as read."""
        reply = self._client[table.database].command(
            "find", table.source_name, projection={ID: 1}, limit=1, session=self.current, codec_options=RAW
        )
        chosen = reply["cursor"].get("atClusterTime")
        return as_number(chosen) if chosen else None

    def close(self) -> None:
        self.current.end_session()
