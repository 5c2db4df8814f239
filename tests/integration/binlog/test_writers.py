"""Eight writers while the log is followed: whatever a snapshot shows, the reads up to it have told of."""

from __future__ import annotations

from contextlib import closing
from threading import Event, Thread

from sync.connections.mysql import connect_mysql
from sync.connections.urls import parse
from sync.sources.mysql.binlog.changes import read_changes
from sync.sources.mysql.binlog.position import BinlogPosition
from sync.sources.mysql.log_position import open_snapshot
from tests.integration.binlog.log import NO_LIMIT, Log, table

ITEM = table("item")
PASSES, LONG_PASSES = 60, 9  # the latter read the last transactions again


def write(url: str, writer: int, done: Event) -> None:
    with closing(connect_mysql(url, autocommit=True)) as connection, connection.cursor() as cursor:
        number = writer
        while not done.is_set():
            number += 8
            cursor.execute("INSERT INTO item VALUES (%s, 0)", (number,))
            cursor.execute("UPDATE item SET changes = changes + 1 WHERE id = %s", (number - 80,))
            cursor.execute("DELETE FROM item WHERE id = %s", (number - 160,))


def follow(log: Log, rows: dict[int, int], start: BinlogPosition) -> tuple[BinlogPosition, dict[int, int]]:
    """Bring `rows` up to a snapshot by its changes; returns also what the whole snapshot holds."""
    with closing(connect_mysql(log.url)) as connection, connection.cursor() as cursor:
        bound = BinlogPosition.parse(open_snapshot(connection) or "")
        changes = read_changes(parse(log.url), [ITEM], start, bound, NO_LIMIT)
        keys = [key for (key,) in changes.keys[ITEM]]
        if keys:
            cursor.execute("SELECT id, changes FROM item WHERE id IN %s", (keys,))
            found = dict(cursor.fetchall())
            for key in keys:
                rows.pop(key, None)
            rows |= found
        cursor.execute("SELECT id, changes FROM item")
        return changes.position, dict(cursor.fetchall())


def test_no_change_of_eight_writers_is_missed(log: Log) -> None:
    log.run("CREATE TABLE item (id INT PRIMARY KEY, changes INT)")
    done, rows = Event(), dict[int, int]()
    writers = [Thread(target=write, args=(log.writer_url, writer, done)) for writer in range(8)]
    position, _ = follow(log, rows, log.position())
    for writer in writers:
        writer.start()
    for number in range(PASSES if log.has_gtids else LONG_PASSES):
        if number % 3 == 0:
            log.run("FLUSH BINARY LOGS")
        position, shown = follow(log, rows, position)
        if log.exact:
            assert rows == shown
    done.set()
    for writer in writers:
        writer.join()
    _, shown = follow(log, rows, position)
    assert rows == shown
