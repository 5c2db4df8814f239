"""Compressed parts of events."""

from __future__ import annotations

import zlib

from sync.errors import SyncError


def mariadb_compressed(data: bytes) -> bytes:
    """MariaDB's log_bin_compress: a byte with the algorithm (0: zlib) and how many bytes of length follow,
    the length, big-endian, the data (https://mariadb.com/kb/en/compressing-events-to-reduce-size-of-the-binary-log/).
    """
    if data[0] & 0xF0 != 0x80:
        raise SyncError(f"a compressed binlog event begins with {data[0]:#x}, an algorithm that is not known")
    return zlib.decompress(data[1 + (data[0] & 7) :])
