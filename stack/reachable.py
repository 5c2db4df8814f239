"""Which of the systems that a job works with can be worked with, asked before anything is begun.

What is known to be broken is said once and left alone: a job that would find out step by step says it again
and again, and each time waits for an answer.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

from landing.bucket import VARIABLE as LANDING
from landing.bucket import is_bucket, listed
from softcart_assets.failures import MAX_RETRIES, SECONDS_TO_WAIT
from stack.server import Say
from sync.connections.mongodb import connect_mongodb
from sync.connections.mysql import connect_mysql
from sync.connections.postgresql import connect_postgresql
from sync.connections.urls import parse
from sync.errors import SyncError, TransientError
from sync.systems import open_warehouse

# The variable that names each system; the keys are those of Dagster's resources, and its own storage.
STORAGE = "storage"
VARIABLES = {
    "mysql": "SOFTCART_MYSQL_URL",
    "mongodb": "SOFTCART_MONGO_URL",
    "staging": "SOFTCART_STAGING_URL",
    "production": "SOFTCART_PRODUCTION_URL",
    STORAGE: "SOFTCART_DAGSTER_URL",
}
OPEN: dict[str, Callable[[str], Any]] = {
    "mysql": connect_mysql,
    "mongodb": connect_mongodb,
    "postgresql": connect_postgresql,
}


def broken(names: Collection[str], say: Say) -> dict[str, str]:
    """Of the systems `names`, those that can't be worked with, each with the cause and the way out in a line.

    One that is away is asked again for as long as a step would ask it, which is said.
    """
    causes: dict[str, str] = {}
    asked = [name for name in VARIABLES if name in names and VARIABLES[name] in os.environ]
    for attempt in range(MAX_RETRIES + 1):
        with ThreadPoolExecutor(len(VARIABLES)) as pool:
            answers = dict(zip(asked, pool.map(_refusal, asked), strict=True))
        for name, error in answers.items():
            if error:
                causes[name] = f"{VARIABLES[name]}: {' '.join(str(error).split())}"
            else:
                causes.pop(name, None)
        asked = [name for name, error in answers.items() if isinstance(error, TransientError)]
        if not asked or attempt == MAX_RETRIES:
            break
        for name in asked if attempt == 0 else ():
            say(f"{causes[name]}; asked again for {MAX_RETRIES * SECONDS_TO_WAIT} s")
        time.sleep(SECONDS_TO_WAIT)
    for name in asked:
        causes[name] += f"; start that server, or name another one in {VARIABLES[name]}"
    if "landing" in names and (named := os.environ.get(LANDING)) and (cause := _landing_refusal(named)):
        causes["landing"] = cause
    return causes


def _landing_refusal(named: str) -> str | None:
    """Why no file can be landed from there."""
    try:
        if is_bucket(named):
            listed(named)
        elif not Path(named).is_dir():
            return f"{LANDING}: there is no folder {named}; make it, or name another one there"
    except SyncError as error:
        return f"{LANDING}: {' '.join(str(error).split())}"
    return None


def _refusal(name: str) -> SyncError | None:
    """Why the system does not let us in; None where it does, or where its steps alone know how to ask it."""
    url = os.environ[VARIABLES[name]]
    try:
        if connect := OPEN.get(parse(url).system):
            connect(url).close()
        elif name == "production":
            with closing(open_warehouse(url)) as warehouse, warehouse.reader():
                pass
    except SyncError as error:
        return error
    except ValueError as error:  # urllib's, of an address in brackets that is none
        return SyncError(f"it is no URL: {error}")
    return None
