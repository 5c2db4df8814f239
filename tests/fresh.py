"""Empty PostgreSQL databases for tests. Making one takes longer than many a test, so one that a test has left
is emptied and gets another name for the next."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from urllib.parse import urlsplit, urlunsplit

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from stack.cluster import Cluster
from stack.home import Home
from stack.postgres import PostgreSQL

# What has such a number was made after the database.
FIRST_OWN_OID = 16384
REMAINS = f"""
    SELECT EXISTS (SELECT FROM pg_class WHERE oid >= {FIRST_OWN_OID} AND relpersistence <> 't')
        OR EXISTS (SELECT FROM pg_namespace WHERE oid >= {FIRST_OWN_OID} AND nspname !~ '^pg_(toast_)?temp_')
        OR EXISTS (SELECT FROM pg_proc WHERE oid >= {FIRST_OWN_OID})
        OR EXISTS (SELECT FROM pg_type WHERE oid >= {FIRST_OWN_OID} AND typnamespace = 'public'::regnamespace)
        OR EXISTS (SELECT FROM pg_extension WHERE oid >= {FIRST_OWN_OID})
        OR EXISTS (SELECT FROM pg_event_trigger) OR EXISTS (SELECT FROM pg_publication)
        OR EXISTS (SELECT FROM pg_default_acl) OR EXISTS (SELECT FROM pg_largeobject_metadata)
        OR EXISTS (SELECT FROM pg_prepared_xacts WHERE database = d.datname)
        OR EXISTS (SELECT FROM pg_db_role_setting WHERE setdatabase = d.oid) OR d.datacl IS NOT NULL
    FROM pg_database d WHERE datname = current_database()
"""
OTHERS = """
    SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
    WHERE datname = %s AND pid <> pg_backend_pid()
"""

# The names of empty databases, by their server's home and their owner.
_spare: dict[tuple[Home, str], list[str]] = {}


@contextmanager
def fresh_database(stack: Cluster, url: str) -> Iterator[str]:
    """A new empty PostgreSQL database for the login of a URL; gone afterwards, whoever still uses it."""
    server, port = PostgreSQL(stack.home), stack.ports.known()["postgres"]
    parts = urlsplit(url)
    owner, name = parts.username or "", f"test_{uuid.uuid4().hex}"
    spare = _spare.setdefault((stack.home, owner), [])
    with closing(server.connect(port)) as root:
        if spare:
            _run(root, "ALTER DATABASE {} RENAME TO {}", spare.pop(), name)
        else:
            _run(root, "CREATE DATABASE {} OWNER {}", name, owner)
    try:
        yield urlunsplit(parts._replace(path=f"/{name}"))
    finally:
        if _emptied(server, port, name, owner):
            spare.append(name)
        else:
            _drop(server, port, [name])


def drop_spare_databases(stack: Cluster) -> None:
    port = stack.ports.known()["postgres"]
    for home, owner in [each for each in _spare if each[0] == stack.home]:
        _drop(PostgreSQL(home), port, _spare.pop((home, owner)))


def _emptied(server: PostgreSQL, port: int, name: str, owner: str) -> bool:
    """Whether nothing is left in the database once all that belongs to its owner is dropped."""
    try:
        with closing(server.connect(port, name)) as root, root.cursor() as cursor:
            cursor.execute("SET lock_timeout = '5s'")  # a prepared transaction might hold locks for ever
            cursor.execute(OTHERS, [name])
            _run(root, "DROP OWNED BY {} CASCADE", owner)
            cursor.execute(REMAINS)
            return cursor.fetchone() == (False,)
    except psycopg2.Error:
        return False


def _drop(server: PostgreSQL, port: int, names: list[str]) -> None:
    with closing(server.connect(port)) as root:
        for name in names:
            _run(root, "DROP DATABASE IF EXISTS {} WITH (FORCE)", name)


def _run(root: Connection, statement: str, *names: str) -> None:
    with root.cursor() as cursor:
        cursor.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))
