"""A declaration as JSON: the state keeps it, so that a later pass can go on as the last one did.

With it the command line knows a table's key, cursor and strategy, and which of its columns are masked or
excluded, without the module that declares them.
"""

from __future__ import annotations

import json
from dataclasses import MISSING, asdict, fields
from typing import Any

from sync.errors import SyncError
from sync.spec import Column, Deletes, Strategy, Table


def as_json(table: Table) -> str:
    """What a declaration says beyond the defaults."""
    given = asdict(table)
    for field in fields(Table):
        if field.default is not MISSING and given[field.name] == field.default:
            del given[field.name]
    return json.dumps(given, default=sorted)


def from_json(text: str) -> Table:
    """The declaration that `as_json` wrote. Raises `SyncError` for one of a newer release."""
    given: dict[str, Any] = json.loads(text)
    if unknown := sorted(given.keys() - {field.name for field in fields(Table)}):
        raise SyncError(
            f"{given.get('schema', 'raw')}.{given.get('name')}: a newer release has declared it, with"
            f" {unknown[0]!r}: update this one"
        )
    return Table(
        **{
            **given,
            "key": tuple(given["key"]),
            "columns": tuple(Column(**column) for column in given.get("columns", ())),
            "strategy": Strategy(given.get("strategy", Strategy.FULL)),
            "deletes": Deletes(given.get("deletes", Deletes.TOMBSTONE)),
            "exclude": frozenset(given["exclude"]),
        }
    )
