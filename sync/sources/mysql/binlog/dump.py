"""Ask a server for its binlog, as a replica does, on a PyMySQL connection.

The log is entered by file and offset (COM_BINLOG_DUMP), after a set of GTIDs (COM_BINLOG_DUMP_GTID, on MySQL)
or after MariaDB's GTID state (`@slave_connect_state`). The server is asked not to wait at the log's end.
https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_binlog_dump.html,
https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_binlog_dump_gtid.html,
https://mariadb.com/kb/en/5-slave-registration/, https://mariadb.com/kb/en/com_binlog_dump/.
"""

from __future__ import annotations

import secrets
import struct
import uuid
from typing import Any

import pymysql

from sync.errors import SyncError
from sync.sources.mysql.binlog.gtids import MySQLGtids
from sync.sources.mysql.binlog.server import Server

COM_BINLOG_DUMP, COM_REGISTER_SLAVE, COM_BINLOG_DUMP_GTID = 0x12, 0x15, 0x1E
ACCESS_DENIED = 1045
DO_NOT_WAIT = 1
FIRST_EVENT = 4  # a log file begins with four bytes of magic
LARGEST_OFFSET = (1 << 32) - 1  # what COM_BINLOG_DUMP can carry
HEARTBEAT_NANOSECONDS = 10 * 10**9  # while the server looks for the GTIDs, or skips what it does not send
CAPABILITY_GTID = 4  # MariaDB's: knows all its events


def dump_file(connection: pymysql.Connection[Any], server: Server, file: str, offset: int) -> None:
    """Ask for the log from a file's offset on. Raises PyMySQL's errors, as every function here."""
    number = _introduce(connection, server)
    _send(connection, COM_BINLOG_DUMP, struct.pack("<IHI", offset, DO_NOT_WAIT, number) + file.encode())


def dump_gtids(connection: pymysql.Connection[Any], server: Server, gtids: str) -> None:
    """Ask for the transactions that are not in a set of GTIDs."""
    number = _introduce(connection, server)
    if server.mariadb:
        with connection.cursor() as cursor:
            cursor.execute("SET @slave_connect_state = %s", (gtids,))
        _send(connection, COM_BINLOG_DUMP, struct.pack("<IHI", FIRST_EVENT, DO_NOT_WAIT, number))
        return
    known = MySQLGtids(gtids).encoded()
    where = struct.pack("<HIIQI", DO_NOT_WAIT, number, 0, FIRST_EVENT, len(known))
    _send(connection, COM_BINLOG_DUMP_GTID, where + known)


def _introduce(connection: pymysql.Connection[Any], server: Server) -> int:
    """Say what this replica understands and register it; returns its server id.

    The id is drawn from the upper half, where nobody numbers servers by hand: of two replicas with the same
    one, the server hangs up on the first.
    """
    number = 1 << 31 | secrets.randbits(31)
    settings = ["@master_binlog_checksum = @@global.binlog_checksum"]
    settings.append(f"@master_heartbeat_period = {HEARTBEAT_NANOSECONDS}")
    if server.mariadb:
        settings.append(f"@mariadb_slave_capability = {CAPABILITY_GTID}")
    else:
        settings.append("@source_binlog_checksum = @@global.binlog_checksum")
        settings.append(f"@source_heartbeat_period = {HEARTBEAT_NANOSECONDS}")
        replica = uuid.uuid4()
        settings.append(f"@slave_uuid = '{replica}', @replica_uuid = '{replica}'")
    with connection.cursor() as cursor:
        cursor.execute(f"SET {', '.join(settings)}")
    # Host, user and password, all empty, then port, rank and source: for SHOW REPLICAS alone.
    _send(connection, COM_REGISTER_SLAVE, struct.pack("<IBBBHII", number, 0, 0, 0, 0, 0, 0))
    try:
        connection._read_ok_packet()  # type: ignore[attr-defined]
    except pymysql.err.OperationalError as error:
        if error.args[0] != ACCESS_DENIED:  # which speaks of the password, though that was right
            raise
        raise SyncError("the user may not follow the binlog: GRANT REPLICATION SLAVE ON *.* to it") from error
    return number


def _send(connection: pymysql.Connection[Any], command: int, payload: bytes) -> None:
    connection._execute_command(command, payload)  # type: ignore[attr-defined]
