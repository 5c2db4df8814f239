"""Run dbt in this process, which saves the start that a command of its own would cost each time.

dbt takes seconds to import, so it is imported when the first run needs it.
"""

from __future__ import annotations

import json
import os
import queue
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from softcart_assets.dbt.graph import TRACKED
from softcart_assets.dbt.project import ROOT, content_hash, target_folder
from sync.connections.postgresql import connect_postgresql
from sync.connections.postgresql_settings import PLANNING
from sync.connections.urls import DatabaseUrl, parse

DEFAULT_TIMEZONE = "UTC"
# A statement must see what others committed before it; how it is planned is what it is for our own sessions.
SESSION = (
    r"-c default_transaction_isolation=read\ committed -c default_transaction_read_only=off"
    " -c statement_timeout=0 -c idle_in_transaction_session_timeout=0"
) + "".join(f" -c {name}={value}" for name, value in PLANNING.items())
WHOLE_TESTS = "-c softcart.tests=whole"  # see sync.audited_batch in state.py
KINDS = ("model", "seed", "snapshot", "test", "unit_test")  # what is reported; hooks are not


class DbtError(RuntimeError):
    """dbt could not parse or run the project; the message is dbt's own, or the database's."""


@dataclass(frozen=True)
class NodeResult:
    """How one model or test ended.

    `status` is dbt's: success, error or skipped for a model; pass, fail, warn, error or skipped for a test.
    `failures` is the number of rows that a test returned, `sql` what it asked the database, and `selector`
    what dbt selects it by alone.
    """

    unique_id: str
    status: str
    message: str
    seconds: float
    failures: int
    sql: str = field(repr=False)
    selector: str = ""

    @property
    def name(self) -> str:
        """The third part of its id: model.softcart.fact_sales."""
        return self.unique_id.split(".")[2]


def profile_environment(url: DatabaseUrl, settings: str = "") -> dict[str, str]:
    """What `profiles.yml` and libpq read: dbt masks a value whose name begins with DBT_ENV_SECRET in all it
    writes, and libpq takes further options of the URL, such as `sslmode`, from PG… variables."""
    options = {f"PG{name.upper().replace('_', '')}": value for name, value in url.options.items()}
    options["PGOPTIONS"] = f"{url.options.get('options', '')} {SESSION} {settings}".strip()
    host, port = _server(url)
    return {
        "SOFTCART_DBT_HOST": host,
        "SOFTCART_DBT_PORT": port,
        "SOFTCART_DBT_USER": url.user,
        "SOFTCART_DBT_DATABASE": url.database,
        "DBT_ENV_SECRET_SOFTCART_PASSWORD": url.password,
        "DO_NOT_TRACK": "1",
        **options,
    }


def _server(url: DatabaseUrl) -> tuple[str, str]:
    """Host and port. dbt takes one port: of several hosts, those of the one that lets us in now."""
    host, port = url.options.get("host", url.host), str(url.port or url.options.get("port", 5432))
    if "," not in host + port:
        return host, port
    with closing(connect_postgresql(url)) as connection:
        return connection.info.host, str(connection.info.port)


@contextmanager
def environment(values: Mapping[str, str]) -> Iterator[None]:
    """`os.environ` with `values` in it while the block runs."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def arguments(timezone: str) -> list[str]:
    """What every invocation is told: where the project is, and to write neither logs nor artifacts."""
    return [
        *("--project-dir", str(ROOT), "--profiles-dir", str(ROOT), "--target-path", str(target_folder())),
        *("--vars", json.dumps({"timezone": timezone})),
        *("--log-level", "none", "--log-level-file", "none", "--no-write-json", "--no-populate-cache"),
    ]


def parsed(url: str, timezone: str) -> Any:
    """The project's manifest for the database at `url`, kept for the next build of this process. Raises
    `DbtError`."""
    database = parse(url)
    with environment(profile_environment(database)):
        return _parsed(content_hash(), database.database, timezone)


@lru_cache(maxsize=2)
def _parsed(_version: str, _database: str, timezone: str) -> Any:
    return invoke(["parse", *arguments(timezone)])


def invoke(command: Sequence[str], manifest: Any = None, callbacks: Sequence[Any] = ()) -> Any:
    """One invocation of dbt; returns its result. Raises `DbtError` when dbt itself fails, not when a model
    or a test does."""
    from dbt.cli.main import dbtRunner

    outcome = dbtRunner(manifest=manifest, callbacks=list(callbacks)).invoke(list(command))
    if outcome.exception is not None:
        raise DbtError(f"dbt {command[0]}: {outcome.exception}") from outcome.exception
    return outcome.result


def build(
    url: str, names: Sequence[str], timezone: str = DEFAULT_TIMEZONE, rebuild: bool = False
) -> Iterator[NodeResult]:
    """Build the named models and tests in staging at `url`, yielding each as it ends.

    A model whose upstream failed, or whose upstream's blocking test failed, is skipped. `timezone` is the
    IANA zone of the business; `rebuild` looks at all rows, not at those that changed, and so do the tests.
    Raises `DbtError`.
    """
    finished: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def collect(event: Any) -> None:
        if event.info.name == "NodeFinished":
            finished.put(event.data)

    with environment(profile_environment(parse(url), WHOLE_TESTS if rebuild else "")):
        # Compiling leaves its traces in a manifest, so each run works on a copy.
        manifest = parsed(url, timezone).deepcopy()
        command = ["build", *arguments(timezone), "--indirect-selection", "empty", "--select", *names]
        if _replaces_tables(manifest):
            # With a table the views on it go, which dbt knows from its cache alone.
            command.remove("--no-populate-cache")
        if rebuild:
            command.append("--full-refresh")
        outcome: list[Any] = []

        def work() -> None:
            try:
                outcome.append(invoke(command, manifest, [collect]))
            except DbtError as error:
                outcome.append(error)
            finally:
                finished.put(None)

        thread = threading.Thread(target=work, name="dbt")
        thread.start()
        try:
            yield from _results(finished, outcome, manifest)
        finally:
            thread.join()


def _replaces_tables(manifest: Any) -> bool:
    """Whether the project has models that are not `tracked`, which changes its tables in place."""
    return any(
        node.resource_type in ("model", "seed", "snapshot") and node.config.materialized != TRACKED
        for node in manifest.nodes.values()
    )


def _results(finished: queue.SimpleQueue[Any], outcome: Sequence[Any], manifest: Any) -> Iterator[NodeResult]:
    seen = set()
    while (data := finished.get()) is not None:
        if data.node_info.resource_type in KINDS:
            seen.add(data.node_info.unique_id)
            yield _result(data, manifest)
    if isinstance(outcome[0], DbtError):
        raise outcome[0]
    for result in outcome[0].results:
        if result.node.resource_type not in KINDS:
            if result.status == "error":
                raise DbtError(f"{result.node.name}: {result.message}")
        elif result.node.unique_id not in seen:
            # dbt tells nothing of what it skips until it is done.
            selector = ".".join(result.node.fqn)
            yield NodeResult(
                result.node.unique_id, str(result.status), result.message or "", 0.0, 0, "", selector
            )


def _result(data: Any, manifest: Any) -> NodeResult:
    run, unique_id = data.run_result, data.node_info.unique_id
    node = manifest.nodes.get(unique_id) or manifest.unit_tests[unique_id]
    return NodeResult(
        unique_id=unique_id,
        status=run.status,
        message=run.message,
        seconds=run.execution_time,
        failures=run.num_failures,
        # What a unit test asks is of its own rows and of none in the database.
        sql="" if data.node_info.resource_type == "unit_test" else getattr(node, "compiled_code", None) or "",
        selector=".".join(node.fqn),
    )
