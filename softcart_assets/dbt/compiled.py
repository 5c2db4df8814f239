"""What dbt made of one version of the project, kept for the runs that find nothing to build.

To import dbt and to read the project takes most of the time of such a run. Whether a model has anything to
do follows from what its last build stored; its tests are asked all the same, in the SQL that dbt compiled.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from graphlib import TopologicalSorter
from importlib.metadata import version as package_version
from pathlib import Path

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from softcart_assets.dbt.graph import Model, Test
from softcart_assets.dbt.project import content_hash, replace_file, target_folder
from softcart_assets.dbt.runner import NodeResult
from softcart_assets.dbt.warm import build
from sync.connections.urls import parse

UNCHANGED = "unchanged"  # what the materialization says of a model that had nothing to do
HELD = """
    SELECT models.model, models.fingerprint, models.batch
    FROM sync.models
    INNER JOIN sync.identity ON identity.id = models.identity
    INNER JOIN unnest(%s::text[], %s::text[]) AS wanted (schema, model) ON wanted.model = models.model
    WHERE to_regclass(format('%%I.%%I', wanted.schema, wanted.model)) IS NOT NULL
"""


@dataclass(frozen=True)
class Compiled:
    """Fingerprints by model, as `sync.models` holds them, and the SQL of tests by their unique_id."""

    version: str
    fingerprints: dict[str, str] = field(default_factory=dict)
    tests: dict[str, str] = field(default_factory=dict)


def results(
    url: str,
    connection: Connection,
    models: Sequence[Model],
    tests: Sequence[Test],
    timezone: str,
    rebuild: bool,
) -> Iterator[NodeResult]:
    """How each model and test ended, as `runner.build` yields them; without dbt where nothing is to be built
    and no blocking test fails. `connection` is one to staging at `url`. Raises `DbtError`."""
    version = _version(parse(url).database, timezone)
    compiled = _load(version)
    answers = None if rebuild else _ask_all(connection, models, tests, compiled)
    if answers is not None:
        yield from answers
        return
    asked: dict[str, str] = {}
    built: list[str] = []
    names = {model.unique_id: model.name for model in models}
    for result in build(url, [*names.values(), *(test.name for test in tests)], timezone, rebuild):
        if result.unique_id not in names:
            asked[result.unique_id] = result.sql
        elif result.status == "success":
            built.append(names[result.unique_id])
        yield result
    _keep(connection, compiled, built, {unique_id: query for unique_id, query in asked.items() if query})


def _version(database: str, timezone: str) -> str:
    """Changes with everything that decides what dbt compiles; the calendar's end moves with the year."""
    parts = (
        content_hash(Path(__file__)),
        package_version("dbt-core"),
        database,
        timezone,
        datetime.now(UTC).year,
    )
    return " ".join(map(str, parts))


def _path() -> Path:
    return target_folder() / "compiled.json"


def _load(version: str) -> Compiled:
    """What is kept of this version; nothing, if another one is."""
    try:
        compiled = Compiled(**json.loads(_path().read_text()))
    except (OSError, ValueError, TypeError):
        return Compiled(version)
    return compiled if compiled.version == version else Compiled(version)


def _keep(connection: Connection, compiled: Compiled, built: Sequence[str], tests: dict[str, str]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT model, fingerprint FROM sync.models WHERE model = ANY (%s)", (list(built),))
        fingerprints = dict(cursor.fetchall())
    kept = Compiled(compiled.version, compiled.fingerprints | fingerprints, compiled.tests | tests)
    if kept != compiled:
        replace_file(_path(), json.dumps(asdict(kept)))


def _ask_all(
    connection: Connection, models: Sequence[Model], tests: Sequence[Test], compiled: Compiled
) -> list[NodeResult] | None:
    """The results of a run in which nothing is to be built; None where dbt has to be asked."""
    if not all(test.unique_id in compiled.tests for test in tests):
        return None
    try:
        if not _is_built(connection, models, compiled):
            return None
        answers = [_ask(connection, test, compiled.tests[test.unique_id]) for test in tests]
    except psycopg2.Error:
        return None  # dbt says what it is, and of which model
    if any(answer.status == "fail" for answer in answers):
        return None  # dbt knows which models a failed test holds back
    return [
        *(NodeResult(unique_id, "success", UNCHANGED, 0.0, 0, "") for unique_id in _in_order(models)),
        *answers,
    ]


def _is_built(connection: Connection, models: Sequence[Model], compiled: Compiled) -> bool:
    """Whether no input of any model changed since its build, as the materialization `tracked` decides it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('sync.models')")
        if cursor.fetchone() == (None,):
            return False
        cursor.execute(HELD, ([model.schema for model in models], [model.name for model in models]))
        held = {model: (fingerprint, batch) for model, fingerprint, batch in cursor.fetchall()}
        newest = {}
        for table in sorted({table for model in models for table in model.inputs}):
            cursor.execute(sql.SQL("SELECT coalesce(max(_batch), 0) FROM {}").format(sql.Identifier(*table)))
            [(newest[table],)] = cursor.fetchall()
    for model in models:
        fingerprint, batch = held.get(model.name, (None, -1))
        if fingerprint is None or fingerprint != compiled.fingerprints.get(model.name):
            return False
        if any(newest[table] > batch for table in model.inputs):
            return False
    return True


def _in_order(models: Sequence[Model]) -> list[str]:
    """The models' ids, each after those that it reads."""
    ids = {(model.schema, model.name): model.unique_id for model in models}
    edges = {model.unique_id: {ids[table] for table in model.inputs if table in ids} for model in models}
    return list(TopologicalSorter(edges).static_order())


def _ask(connection: Connection, test: Test, query: str) -> NodeResult:
    began = time.monotonic()
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("SELECT count(*) FROM ({}) AS test").format(sql.SQL(query)))
        [(failures,)] = cursor.fetchall()
    status = "pass" if not failures else "fail" if test.is_blocking else "warn"
    return NodeResult(test.unique_id, status, "", time.monotonic() - began, failures, query)
