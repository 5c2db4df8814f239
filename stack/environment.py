"""The environment variables that point the platform at its servers: ours, or those the user named."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from stack.home import Home, StackError
from stack.production import CHOICE, chosen
from stack.stand_in import StandIn

# The variables that one local server answers for: it runs unless the user has set all of them.
SERVES = {
    "mysql": ("SOFTCART_MYSQL_URL",),
    "mongodb": ("SOFTCART_MONGO_URL",),
    "postgres": ("SOFTCART_STAGING_URL", "SOFTCART_PRODUCTION_URL", "SOFTCART_DAGSTER_URL"),
}
# Further logins to the system that a variable names, most of them to write: never ours beside the user's own.
COMPANIONS = {
    "SOFTCART_MYSQL_URL": ("SOFTCART_MYSQL_ADMIN_URL", "SOFTCART_MYSQL_RESTORE_URL"),
    "SOFTCART_MONGO_URL": ("SOFTCART_MONGO_ADMIN_URL",),
    "SOFTCART_PRODUCTION_URL": ("SOFTCART_BI_URL",),
}
SHOP = ("SOFTCART_MYSQL_URL", "SOFTCART_MONGO_URL")
SHOP_ADMIN = ("SOFTCART_MYSQL_ADMIN_URL", "SOFTCART_MONGO_ADMIN_URL")
WAREHOUSE = ("SOFTCART_STAGING_URL", "SOFTCART_PRODUCTION_URL")
# Schedules and sensors run by themselves; whoever has another daemon on his servers switches them on.
AUTOMATION = "SOFTCART_AUTOMATION"
# Served beside the others, and nobody's reason to start a server: without it models are kept in a file.
REGISTRY = "MLFLOW_TRACKING_URI"
NAMES = {name for group in (SERVES, COMPANIONS) for names in group.values() for name in names} | {REGISTRY}


def local_urls(home: Home, ports: Mapping[str, int], stand_in: StandIn) -> dict[str, str]:
    """Every URL of the local servers, with `stand_in` for production."""
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
        "SOFTCART_PRODUCTION_URL": stand_in.url(home, ports),
        "SOFTCART_DAGSTER_URL": f"postgresql://dagster:{word['postgres.dagster']}@{postgres}/dagster",
        REGISTRY: f"postgresql://mlflow:{word['postgres.mlflow']}@{postgres}/mlflow",
        "SOFTCART_BI_URL": f"postgresql://bi:{word['postgres.bi']}@{postgres}/production",
    }


def users_own(home: Home, environment: Mapping[str, str]) -> dict[str, str]:
    """The URLs that the user set, as opposed to ours that ``make env`` left in a shell."""
    ours = set(home.passwords.values())
    set_by_anyone = {name: url for name in sorted(NAMES) if (url := environment.get(name))}
    own = {name: url for name, url in set_by_anyone.items() if _password(url) not in ours}
    if dagster := own.get("SOFTCART_DAGSTER_URL"):  # SQLAlchemy knows no other name
        own["SOFTCART_DAGSTER_URL"] = dagster.replace("postgres://", "postgresql://", 1)
    return own


def _password(url: str) -> str | None:
    try:
        return urlsplit(url).password
    except ValueError:  # it is no URL; who connects to it says so
        return None


def stand_in_of(home: Home, environment: Mapping[str, str]) -> StandIn | None:
    """What stands in for production; None where the user has a warehouse of his own.

    Raises:
        StackError: PRODUCTION names none, or one beside the user's own.
    """
    if "SOFTCART_PRODUCTION_URL" not in users_own(home, environment):
        return chosen(home, environment)
    if named := environment.get(CHOICE):
        raise StackError(
            f"{CHOICE} is {named!r} and SOFTCART_PRODUCTION_URL names a warehouse of your own: unset one"
        )
    return None


def foreign(home: Home, environment: Mapping[str, str]) -> set[str]:
    """The local servers that need not run, since the user has his own in all their places."""
    own = users_own(home, environment)
    return {server for server, names in SERVES.items() if own.keys() >= set(names)}


def urls(home: Home, ports: Mapping[str, int], environment: Mapping[str, str]) -> dict[str, str]:
    """The URLs to work with: the user's where he set one, else the local servers'.

    Raises:
        StackError: a further login is the user's, and the system that it belongs to is not.
    """
    own = users_own(home, environment)
    left_out = {name for main, names in COMPANIONS.items() if main in own for name in names}
    if "postgres" in foreign(home, environment):
        left_out.add(REGISTRY)
    for main, names in COMPANIONS.items():
        if main not in own and (odd := [name for name in names if name in own]):
            raise StackError(f"{odd[0]} is set and {main} is not: set both, or none")
    stand_in = chosen(home, environment)
    if stand_in.name != "postgresql":
        left_out.add("SOFTCART_BI_URL")
    local = local_urls(home, ports, stand_in) if ports else {}
    return {name: url for name, url in local.items() if name not in left_out} | own


def users_landing(home: Home, environment: Mapping[str, str]) -> str | None:
    """The landing folder that the user named, as opposed to the demo's that ``make env`` left in a shell."""
    named = environment.get("SOFTCART_LANDING")
    return named if named and Path(named) != home.demo else None


def lands_demo(home: Home, environment: Mapping[str, str]) -> bool:
    """Whether the demo shop stands in for a landing folder: none is named, and each system that it ends in is
    ours, or a shop whose both databases the user gave the right to write to.

    Anywhere else its invented customers, sales and history would be taken for real ones.
    """
    own = users_own(home, environment).keys()
    if users_landing(home, environment) or not own.isdisjoint(WAREHOUSE):
        return False
    return own.isdisjoint(SHOP) or own >= {*SHOP, *SHOP_ADMIN}
