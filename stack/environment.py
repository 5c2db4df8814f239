"""The environment variables that point the platform at its servers: ours, or those the user named."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from stack.home import Home, StackError

# Which variables one local server answers for: it runs unless the user has set all of the first kind.
# The second kind lets the platform write to the shop's own databases, so it is ours only on a server of ours.
MAIN = {
    "mysql": ("SOFTCART_MYSQL_URL",),
    "mongodb": ("SOFTCART_MONGO_URL",),
    "postgres": ("SOFTCART_STAGING_URL", "SOFTCART_PRODUCTION_URL", "SOFTCART_DAGSTER_URL"),
}
ADMIN = {
    "mysql": ("SOFTCART_MYSQL_ADMIN_URL", "SOFTCART_MYSQL_RESTORE_URL"),
    "mongodb": ("SOFTCART_MONGO_ADMIN_URL",),
    "postgres": ("SOFTCART_BI_URL",),
}


def local_urls(home: Home, ports: Mapping[str, int]) -> dict[str, str]:
    """Every URL of the local servers."""
    word = home.passwords
    mysql, mongo, postgres = (f"127.0.0.1:{ports[name]}" for name in ("mysql", "mongodb", "postgres"))
    catalog = f"{mongo}/catalog?authSource=admin&replicaSet=rs0"
    return {
        "SOFTCART_MYSQL_URL": f"mysql://softcart:{word['mysql.softcart']}@{mysql}/shop",
        "SOFTCART_MYSQL_ADMIN_URL": f"mysql://shopkeeper:{word['mysql.shopkeeper']}@{mysql}/shop",
        "SOFTCART_MYSQL_RESTORE_URL": f"mysql://restore:{word['mysql.restore']}@{mysql}/sales",
        "SOFTCART_MONGO_URL": f"mongodb://softcart:{word['mongodb.softcart']}@{catalog}",
        "SOFTCART_MONGO_ADMIN_URL": f"mongodb://shopkeeper:{word['mongodb.shopkeeper']}@{catalog}",
        "SOFTCART_STAGING_URL": f"postgresql://softcart:{word['postgres.softcart']}@{postgres}/staging",
        "SOFTCART_PRODUCTION_URL": f"postgresql://softcart:{word['postgres.softcart']}@{postgres}/production",
        "SOFTCART_DAGSTER_URL": f"postgresql://dagster:{word['postgres.dagster']}@{postgres}/dagster",
        "SOFTCART_BI_URL": f"postgresql://bi:{word['postgres.bi']}@{postgres}/production",
    }


def users_own(home: Home, environment: Mapping[str, str]) -> dict[str, str]:
    """The URLs that the user set, as opposed to ours that ``make env`` left in his shell."""
    ours = set(home.passwords.values())
    names = [name for group in (MAIN, ADMIN) for variables in group.values() for name in variables]
    return {
        name: environment[name]
        for name in names
        if environment.get(name) and urlsplit(environment[name]).password not in ours
    }


def foreign(home: Home, environment: Mapping[str, str]) -> set[str]:
    """The local servers that need not run, since the user has his own in all their places."""
    own = users_own(home, environment)
    return {server for server, variables in MAIN.items() if all(name in own for name in variables)}


def urls(home: Home, ports: Mapping[str, int], environment: Mapping[str, str]) -> dict[str, str]:
    """The URLs to work with: the user's where he set one, else the local servers'.

    Raises:
        StackError: a URL to write with is set, and the one to read with is not: two different shops.
    """
    own = users_own(home, environment)
    result = dict(own)
    local = local_urls(home, ports) if ports else {}
    for server, variables in MAIN.items():
        admin = ADMIN[server]
        is_own = any(name in own for name in variables)
        if server != "postgres" and not is_own and (odd := [name for name in admin if name in own]):
            raise StackError(f"{odd[0]} is set and {variables[0]} is not: set both, or none")
        mine = variables if is_own and server != "postgres" else (*variables, *admin)
        if server == "postgres" and "SOFTCART_PRODUCTION_URL" in own:
            mine = variables
        result |= {name: local[name] for name in mine if name in local and name not in own}
    return result


def lands_demo(environment: Mapping[str, str]) -> bool:
    """Whether the demo shop stands in for a landing folder: none is named, and both databases of the shop may
    be filled. Beside a shop that is only read, the demo's invented history would be taken for its own.
    """
    admin = (ADMIN[server][0] for server in ("mysql", "mongodb"))
    return not environment.get("SOFTCART_LANDING") and all(environment.get(name) for name in admin)
