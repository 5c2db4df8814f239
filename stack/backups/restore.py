"""`make restore`: a backup takes the place of what the databases hold."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

from stack.backups.backup import MANIFEST, all_backups, backups_folder, digest
from stack.backups.parts import parts_of
from stack.backups.weblog import identity_of
from stack.cluster import Cluster
from stack.home import StackError
from stack.server import Say
from sync.connections.postgresql import connect_postgresql
from weblog.state import archive_root

# What stands behind staging keeps the last batch that it has seen. Batches later than the backup are drawn
# again, so staging takes another identity, and whoever comes to it compares everything once.
NEW_IDENTITY = "UPDATE sync.identity SET id = gen_random_uuid() RETURNING id::text"
# A restored shop has other logs, in which the tables' positions mean nothing, or worse, something else: each
# table is read whole once, of which only what differs is written.
WITHOUT_POSITION = "UPDATE sync.tables SET position = NULL WHERE split_part(source, ' ', 1) = ANY(%s)"
LOGS = {"shop": "mysql", "catalog": "mongodb"}


def find_backup(cluster: Cluster, name: str | None) -> Path:
    """The backup of this name, or the newest one.

    Raises:
        StackError: there is none, or a file of it is missing or another one than was saved.
    """
    folder = backups_folder(cluster)
    known = all_backups(folder)
    if not known:
        raise StackError(f"there is no backup in {folder}: make backup makes one")
    found = next((path for path in known if path.name == name), None) if name else known[-1]
    if found is None:
        raise StackError(f"there is no backup {name} in {folder}: {', '.join(path.name for path in known)}")
    for file, expected in json.loads((found / MANIFEST).read_text())["files"].items():
        path = found / file
        if not path.exists() or digest(path) != expected:
            raise StackError(f"{path} is not as it was saved: take another backup (BACKUP=…)")
    return found


def restore(cluster: Cluster, backup: Path, say: Say) -> None:
    """Replace what the databases hold by what is in the backup.

    Raises:
        StackError: a part cannot be put back; the ones before it were.
    """
    saved = json.loads((backup / MANIFEST).read_text())["files"]
    restored = []
    for name, dump in parts_of(cluster, say).items():
        path = backup / f"{name}.{dump.suffix}"
        if path.name not in saved:
            say(f"{name} is not in this backup and stays as it is")
            continue
        dump.load(path)
        restored.append(name)
        say(f"{name} is as of {backup.name}")
    staging = cluster.urls()["SOFTCART_STAGING_URL"]
    _begin_anew(staging, archive_root(cluster.home.root), [LOGS[name] for name in restored if name in LOGS])
    say("what was in flight when this was saved is done by the next pass: make sync")


def _begin_anew(staging: str, weblog: Path, systems: list[str]) -> None:
    before = identity_of(staging)
    if before is None:
        return
    with closing(connect_postgresql(staging)) as connection, connection.cursor() as cursor:
        cursor.execute(NEW_IDENTITY)
        ((now,),) = cursor.fetchall()
        cursor.execute(WITHOUT_POSITION, (systems,))
    if (weblog / before).is_dir():
        (weblog / before).rename(weblog / now)
