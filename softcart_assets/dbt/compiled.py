"""What dbt made of one version of the project, kept for the runs that find nothing to build.

To import dbt and to read the project takes most of the time of such a run. Whether a model has anything to
do follows from what its last build stored; its tests are asked all the same, in the SQL that dbt compiled.
"""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from graphlib import TopologicalSorter
from pathlib import Path

from softcart_assets.dbt.audit import choose_tests, with_bounds
from softcart_assets.dbt.graph import Model, Test
from softcart_assets.dbt.project import content_hash, replace_file, target_folder
from softcart_assets.dbt.resting import RestingTests, tables_of
from softcart_assets.dbt.runner import NodeResult
from softcart_assets.dbt.state import project_version, stale_models, store_version
from softcart_assets.dbt.warm import build
from sync.connections import psycopg
from sync.connections.psycopg import Connection, sql
from sync.connections.urls import parse
from sync.errors import SyncError

UNCHANGED = "unchanged"  # what the materialization says of a model that had nothing to do
NO_ROW = "SELECT WHERE false"


@dataclass(frozen=True)
class Compiled:
    """The SQL of tests by their unique_id, as dbt compiled it of this version of the project, and the tables
    that it reads."""

    version: str
    tests: dict[str, str] = field(default_factory=dict)
    reads: dict[str, list[str]] = field(default_factory=dict)


def results(
    url: str,
    connection: Connection,
    models: Sequence[Model],
    tests: Sequence[Test],
    timezone: str,
    rebuild: bool,
) -> Iterator[NodeResult]:
    """How each model and test ended, as `runner.build` yields them; without dbt where nothing is to be built
    and no blocking test fails. `connection` is one to staging at `url`.

    Tests look at what came since they passed, and rest where nothing did; they look at everything with
    `rebuild`, and where they alone are asked. Raises `DbtError`.
    """
    choose_tests(connection, whole=rebuild or not models)
    version = project_version(parse(url).database, timezone)
    compiled = _load(f"{version} {content_hash(Path(__file__))}")
    stale = list(models) if rebuild else _stale(connection, models, version)
    resting = RestingTests(connection, compiled.version, compiled.reads)
    due = behind(stale, models)
    rested = [] if rebuild or not models else [test for test in tests if resting.rests(test, due)]
    answers = None if stale else _ask_all(connection, models, tests, rested, compiled)
    if answers is not None:
        yield from answers
        resting.note(_asked(tests, {answer.unique_id: answer for answer in answers}))
        return
    # One that is `tracked` decides in its own transaction; every other one is made anew where dbt is told to.
    building = [model for model in models if model.is_tracked or model in due]
    names = {model.name for model in building}
    passed = [
        test for test in tests if compiled.tests.get(test.unique_id) == NO_ROW and test.model not in names
    ]
    left_out = {*passed, *rested}
    wanted: list[Model | Test] = [*building, *(test for test in tests if test not in left_out)]
    nodes = {node.unique_id: node for node in wanted}
    left = LeftAlone(models, tests, building)
    for result in build(url, [node.selector for node in nodes.values()], timezone, rebuild or not models):
        if result.unique_id in nodes:
            yield from left.before(nodes[result.unique_id])
            left.ended[result.unique_id] = result
            yield result
    yield from left.rest()
    yield from map(_taken_as_passed, passed)
    ended = left.ended
    for test in resting.awake(rested):
        ended[test.unique_id] = _ask_alone(connection, test, compiled.tests[test.unique_id])
    yield from (ended.get(test.unique_id, _taken_as_passed(test)) for test in rested)
    built = [model.name for model in building if left.status(model) == "success"]
    store_version(connection, built, version)
    _keep(compiled, ended, tests)
    resting.note(_asked(tests, ended))


def behind(stale: Sequence[Model], models: Sequence[Model]) -> list[Model]:
    """Those of `models` that are among the stale ones, or read one of these, directly or by way of others."""
    changed = {(model.schema, model.name) for model in stale}
    found = list(stale)
    for model in in_order(models):
        if model not in found and changed & {*model.inputs}:
            found.append(model)
            changed.add((model.schema, model.name))
    return found


def _stale(connection: Connection, models: Sequence[Model], version: str) -> list[Model]:
    try:
        return stale_models(connection, models, version)
    except SyncError:
        return list(models)  # dbt says what it is, and of which model


class LeftAlone:
    """The models that dbt is not asked for, told in their turn: after what they read, and before what reads
    them. They are unchanged, or skipped behind what failed."""

    def __init__(self, models: Sequence[Model], tests: Sequence[Test], building: Sequence[Model]) -> None:
        self._models = {(model.schema, model.name): model for model in models}
        self._names = {model.name: model for model in models}
        self._pending = [model for model in in_order(models) if model not in building]
        self._tests = tests
        self._held: set[Model] = set()
        self.ended: dict[str, NodeResult] = {}

    def before(self, node: Model | Test) -> Iterator[NodeResult]:
        """Those that are to be told before this model or test."""
        model = node if isinstance(node, Model) else self._names.get(node.model)
        due = self._behind(model) if model else set()
        if isinstance(node, Model):
            due -= {node}
        yield from self._tell([model for model in self._pending if model in due])

    def rest(self) -> Iterator[NodeResult]:
        """Those that are left at the end."""
        yield from self._tell(list(self._pending))

    def status(self, node: Model | Test) -> str:
        """How it ended, as dbt says it; empty where it did not."""
        return self.ended[node.unique_id].status if node.unique_id in self.ended else ""

    def _behind(self, model: Model) -> set[Model]:
        """The model, and all that it reads, directly or by way of others."""
        found, ahead = {model}, [model]
        while ahead:
            read = {self._models[table] for table in ahead.pop().inputs if table in self._models} - found
            found |= read
            ahead += read
        return found

    def _tell(self, models: Sequence[Model]) -> Iterator[NodeResult]:
        failed = {
            test.model
            for test in self._tests
            if test.is_blocking and self.status(test) in ("fail", "error", "skipped")
        }
        for model in models:
            self._pending.remove(model)
            read = [self._models[table] for table in model.inputs if table in self._models]
            is_held = any(
                other.name in failed or other in self._held or self.status(other) in ("error", "skipped")
                for other in read
            )
            if is_held:
                self._held.add(model)
            yield NodeResult(model.unique_id, "skipped" if is_held else "success", UNCHANGED, 0.0, 0, "")


def _path() -> Path:
    return target_folder() / "compiled.json"


def _load(version: str) -> Compiled:
    """What is kept of this version; nothing, if another one is."""
    try:
        compiled = Compiled(**json.loads(_path().read_text()))
    except (OSError, ValueError, TypeError):
        return Compiled(version)
    return compiled if compiled.version == version else Compiled(version)


def _keep(compiled: Compiled, ended: Mapping[str, NodeResult], tests: Sequence[Test]) -> None:
    """Keep the queries of tests that say the same when they are asked without dbt. A unit test that passed
    says the same of this version whatever the data are."""
    queries = {
        test.unique_id: ended[test.unique_id].sql
        or (NO_ROW if ended[test.unique_id].status == "pass" else "")
        for test in tests
        if test.unique_id in ended and test.is_counted
    }
    found = {name: query for name, query in queries.items() if query}
    reads = {
        name: compiled.reads[name] if compiled.tests.get(name) == query else tables_of(query)
        for name, query in found.items()
    }
    kept = Compiled(compiled.version, compiled.tests | found, compiled.reads | reads)
    if kept != compiled:
        replace_file(_path(), json.dumps(asdict(kept)))


def _ask_all(
    connection: Connection,
    models: Sequence[Model],
    tests: Sequence[Test],
    rested: Collection[Test],
    compiled: Compiled,
) -> list[NodeResult] | None:
    """The results of a run in which nothing is to be built; None where dbt has to be asked."""
    if not all(test.unique_id in compiled.tests for test in tests):
        return None
    try:
        answers = [
            _taken_as_passed(test)
            if test in rested
            else _ask(connection, test, compiled.tests[test.unique_id])
            for test in tests
        ]
    except psycopg.Error:
        return None  # dbt says what it is, and of which test
    if any(answer.status == "fail" for answer in answers):
        return None  # dbt knows which models a failed test holds back
    return [
        *(NodeResult(model.unique_id, "success", UNCHANGED, 0.0, 0, "") for model in in_order(models)),
        *answers,
    ]


def _taken_as_passed(test: Test) -> NodeResult:
    """The result of a test that is not asked, since it would say what it said."""
    return NodeResult(test.unique_id, "pass", "", 0.0, 0, "")


def _asked(tests: Sequence[Test], ended: Mapping[str, NodeResult]) -> dict[Test, bool]:
    """Whether each of the tests passed that were asked."""
    results = {test: ended.get(test.unique_id) for test in tests}
    return {test: result.status == "pass" for test, result in results.items() if result and result.sql}


def in_order(models: Sequence[Model]) -> list[Model]:
    """The models, each after those that it reads."""
    known = {(model.schema, model.name): model for model in models}
    edges = {model: {known[table] for table in model.inputs if table in known} for model in models}
    return list(TopologicalSorter(edges).static_order())


def _ask(connection: Connection, test: Test, query: str) -> NodeResult:
    began = time.monotonic()
    with connection.cursor() as cursor:
        bounded = sql.SQL(with_bounds(query, cursor))
        cursor.execute(sql.SQL("SELECT count(*) FROM ({}) AS test").format(bounded))
        [(failures,)] = cursor.fetchall()
    status = "pass" if not failures else "fail" if test.is_blocking else "warn"
    return NodeResult(test.unique_id, status, "", time.monotonic() - began, failures, query)


def _ask_alone(connection: Connection, test: Test, query: str) -> NodeResult:
    """As `_ask`; what the database refuses is the result's message."""
    try:
        return _ask(connection, test, query)
    except psycopg.Error as error:
        return NodeResult(test.unique_id, "error", str(error), 0.0, 0, query)
