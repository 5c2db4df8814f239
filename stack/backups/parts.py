"""What a backup is made of."""

from __future__ import annotations

from stack.backups.databases import MariaDBDump, MongoDBDump, PostgreSQLDump
from stack.backups.weblog import WeblogArchive
from stack.cluster import Cluster
from stack.environment import REGISTRY
from stack.mariadb import MariaDB
from stack.server import Say
from sync.connections.urls import parse
from weblog.state import archive_root

Dump = PostgreSQLDump | MariaDBDump | MongoDBDump | WeblogArchive
# In this order: what follows another database is saved before it, so that after a restore it is behind that
# and catches up, and never ahead.
POSTGRESQL = {
    "production": "SOFTCART_PRODUCTION_URL",
    "staging": "SOFTCART_STAGING_URL",
    "dagster": "SOFTCART_DAGSTER_URL",
    "mlflow": REGISTRY,
}


def parts_of(cluster: Cluster, say: Say) -> dict[str, Dump]:
    """Every part by its name, in the order in which they are saved. The shop is one where it is ours."""
    urls, ports = cluster.urls(), cluster.ports.known()
    ours = {server.name for server in cluster.servers}
    parts: dict[str, Dump] = {}
    for name, variable in POSTGRESQL.items():
        url = urls.get(variable)
        if url is None:
            continue
        if not url.startswith(("postgres://", "postgresql")):
            say(f"{name} is left out: it is {parse(url).system}, which has tools of its own")
            continue
        parts[name] = PostgreSQLDump(url)
    parts["weblog"] = WeblogArchive(urls["SOFTCART_STAGING_URL"], archive_root(cluster.home.root))
    if "mysql" in ours:
        parts["shop"] = MariaDBDump(MariaDB(cluster.home), ports["mysql"])
    else:
        say("the shop's MySQL is left out: it is yours (SOFTCART_MYSQL_URL)")
    if "mongodb" in ours:
        parts["catalog"] = MongoDBDump(urls["SOFTCART_MONGO_ADMIN_URL"])
    else:
        say("the catalog's MongoDB is left out: it is yours (SOFTCART_MONGO_URL)")
    return parts
