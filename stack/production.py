"""Which system production is: PostgreSQL, or with ``PRODUCTION=…`` one of the stand-ins registered here.

A stand-in is a class: its name, its servers, its URL, and what it lacks of the real system. What was chosen
once is remembered in the home, for ``make sync``, ``make env`` and ``make ui``. A warehouse of the user's
own, SOFTCART_PRODUCTION_URL, takes its place.
"""

from __future__ import annotations

from collections.abc import Mapping

from stack.bigquery import BigQueryStandIn
from stack.derby import Db2StandIn
from stack.home import Home, StackError
from stack.redshift import RedshiftStandIn
from stack.server import Server
from stack.snowflake import SnowflakeStandIn
from stack.stand_in import PostgreSQLStandIn, StandIn

CHOICE = "PRODUCTION"
REMEMBERED = "production"


# The first one is what production is where nobody says anything.
_ALL: tuple[StandIn, ...] = (
    PostgreSQLStandIn(),
    BigQueryStandIn(),
    Db2StandIn(),
    RedshiftStandIn(),
    SnowflakeStandIn(),
)
STAND_INS = {stand_in.name: stand_in for stand_in in _ALL}


def all_servers(home: Home) -> list[Server]:
    """The servers of every stand-in, of which those of one run."""
    return [server(home) for stand_in in STAND_INS.values() for server in stand_in.servers]


def chosen(home: Home, environment: Mapping[str, str]) -> StandIn:
    """What PRODUCTION names, else what the home remembers, else PostgreSQL.

    Raises:
        StackError: there is no such stand-in.
    """
    wanted = environment.get(CHOICE) or _remembered(home) or next(iter(STAND_INS))
    if wanted not in STAND_INS:
        raise StackError(
            f"{CHOICE} is {wanted!r}: give {', '.join(STAND_INS)}, or set SOFTCART_PRODUCTION_URL to a"
            " warehouse of your own"
        )
    return STAND_INS[wanted]


def remember(home: Home, environment: Mapping[str, str]) -> None:
    """Keep what PRODUCTION names for the commands to come."""
    stand_in = chosen(home, environment)
    if environment.get(CHOICE) and stand_in.name != _remembered(home):
        home.write_private(home.root / REMEMBERED, stand_in.name)


def _remembered(home: Home) -> str:
    try:
        return (home.root / REMEMBERED).read_text().strip()
    except FileNotFoundError:
        return ""
