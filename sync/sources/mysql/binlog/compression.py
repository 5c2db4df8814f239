"""Compressed events: MariaDB's parts of events, MySQL's whole transactions."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator

from sync.errors import SyncError
from sync.sources.mysql.binlog.events import HEADER, HEADER_BYTES, Event, length_encoded

# The fields that begin a TRANSACTION_PAYLOAD: each a type, a length and a value. And kinds of compression.
END_OF_FIELDS, PAYLOAD_BYTES, COMPRESSION = 0, 1, 2
ZSTD, NONE = 0, 255


def mariadb_compressed(data: bytes) -> bytes:
    """MariaDB's log_bin_compress: a byte with the algorithm (0: zlib) and how many bytes of length follow,
    the length, big-endian, the data.
    https://mariadb.com/kb/en/compressing-events-to-reduce-size-of-the-binary-log/
    """
    if data[0] & 0xF0 != 0x80:
        raise SyncError(f"a compressed binlog event begins with {data[0]:#x}, an algorithm that is not known")
    return zlib.decompress(data[1 + (data[0] & 7) :])


def transaction_payload(event: Event) -> Iterator[Event]:
    """The events of a transaction that MySQL wrote as one (binlog_transaction_compression). They have no
    checksums of their own.
    https://dev.mysql.com/doc/dev/mysql-server/latest/classmysql_1_1binlog_1_1event_1_1Transaction__payload__event.html
    """
    data, start, end = event
    position, fields = start + HEADER_BYTES, {COMPRESSION: NONE, PAYLOAD_BYTES: 0}
    while data[position] != END_OF_FIELDS:
        kind, position = length_encoded(data, position)
        size, position = length_encoded(data, position)
        fields[kind], _ = length_encoded(data, position)
        position += size
    payload = data[end - fields[PAYLOAD_BYTES] : end]
    if fields[COMPRESSION] == NONE:
        yield from _events([payload])
    elif fields[COMPRESSION] == ZSTD:
        # Few servers compress, and every pass would pay for the import.
        from zstandard import ZstdDecompressor, ZstdError  # noqa: PLC0415

        try:
            yield from _events(ZstdDecompressor().read_to_iter(payload))
        except ZstdError as error:
            raise SyncError(f"a compressed transaction in the binlog cannot be unpacked: {error}") from error
    else:
        raise SyncError(
            f"the binlog's transactions are compressed by algorithm {fields[COMPRESSION]}, not zstd"
        )


def _events(pieces: Iterable[bytes]) -> Iterator[Event]:
    rest = b""
    for piece in pieces:
        rest += piece
        position = 0
        while len(rest) - position >= HEADER_BYTES:
            end = position + HEADER.unpack_from(rest, position)[3]
            if end > len(rest):
                break
            yield rest, position, end
            position = end
        rest = rest[position:]
    if rest:
        raise SyncError("a compressed transaction in the binlog ends in the middle of an event")
