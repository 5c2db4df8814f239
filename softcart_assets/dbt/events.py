"""What a run of dbt tells Dagster: rows and seconds of each model, the verdict of each test."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import dagster as dg

from softcart_assets.dbt.audit import read_watermarks, store_audited, with_bounds
from softcart_assets.dbt.compiled import UNCHANGED, results
from softcart_assets.dbt.graph import Model, Project, Test
from softcart_assets.dbt.runner import DbtError
from softcart_assets.dbt.runner import NodeResult as Result
from softcart_assets.dbt.specs import column_lineage, model_key
from softcart_assets.failures import repair_command
from softcart_assets.pictures import pictures
from sync.connections.psycopg import Connection, RealDictCursor, sql
from sync.errors import SyncError, TransientError

COLUMNS = """
    SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute
    WHERE attrelid = to_regclass(format('%%I.%%I', %s::text, %s::text)) AND attnum > 0 AND NOT attisdropped
    ORDER BY attnum
"""
SHOWN_ROWS = 50
NAMED_ROWS = 20
DESCRIBED_ROWS = 3
# What a server says that is away, starting, stopping or busy; dbt passes on no more than the text.
PASSING = (
    "connection refused",
    "could not connect",
    "server closed the connection",
    "terminating connection",
    "the database system is",
    "too many clients",
    "deadlock detected",
    "lock timeout",
)

Event = dg.MaterializeResult[Any] | dg.AssetCheckResult


def run(
    url: str,
    connection: Connection,
    project: Project,
    models: Sequence[Model],
    tests: Sequence[Test],
    timezone: str,
    rebuild: bool,
    with_pictures: bool = False,
) -> Iterator[Event]:
    """Build models and ask tests in staging, yielding each result as it comes. `connection` is a second one.

    Raises `SyncError` at the end when a model could not be built or a test not be asked: it names them, what
    the database said, and the models skipped for it; `TransientError` when that may pass.
    """
    asked: list[Model | Test] = [*models, *tests]
    nodes = {node.unique_id: node for node in asked}
    errors, skipped = [], []
    watermarks, passed = read_watermarks(connection), set()
    try:
        for result in results(url, connection, models, tests, timezone, rebuild):
            node = nodes[result.unique_id]
            if result.status == "error":
                errors.append(f"{node.name}: {' '.join(result.message.split())}")
            elif result.status == "skipped":
                if isinstance(node, Model):
                    skipped.append(node.name)
            elif isinstance(node, Model):
                counts = _counts(node, connection)
                watermarks[node.name] = counts["batch"]
                shown = _shown(node, connection, with_pictures)
                yield materialization(node, result, counts, shown)
            else:
                passed |= {node.unique_id} if result.status in ("pass", "warn") else set()
                yield check_result(node, project.model(node.model), result, connection)
    except DbtError as error:
        errors.append(str(error))
    store_audited(connection, project, watermarks, passed)
    if errors:
        message = "; ".join(errors) + (f"; skipped for it: {', '.join(skipped)}" if skipped else "")
        raise (TransientError if _may_pass(message) else SyncError)(message)


def _may_pass(message: str) -> bool:
    return any(words in message.lower() for words in PASSING)


def materialization(
    model: Model, result: Result, counts: Mapping[str, Any], shown: Mapping[str, Any]
) -> dg.MaterializeResult[Any]:
    """What the build of a model wrote, as the materialization `tracked` counted it, and what else is
    `shown` of it."""
    written = 0 if result.message == UNCHANGED else 1
    # Only what is `tracked` says what a build did to its rows, and nobody counts those of a view.
    changes = ("inserted", "updated", "deleted") if model.is_tracked else ()
    rows = {} if counts["total"] is None else {"dagster/row_count": counts["total"]}
    return dg.MaterializeResult(
        asset_key=model_key(model),
        # The batch that last changed a row; one that went without leaving a trace has changed their number.
        data_version=dg.DataVersion(f"{counts['changed']}.{counts['total']}"),
        metadata={
            **rows,
            **{name: counts[name] * written for name in changes},
            "batch": counts["batch"],
            "seconds": round(result.seconds, 3),
            "dagster/column_lineage": column_lineage(model),
            **shown,
        },
    )


def _shown(model: Model, connection: Connection, with_pictures: bool) -> dict[str, Any]:
    """What else is shown: a report's picture, and the columns that nobody has to declare as they are."""
    if model.is_tracked:
        if not (with_pictures and model.group_columns):
            return {}
        shown = [column.name for column in model.columns if column.name not in model.key]
        return pictures(connection, model.schema, model.name, shown)
    with connection.cursor() as cursor:
        cursor.execute(COLUMNS, (model.schema, model.name))
        described = {column.name: column.description or None for column in model.columns}
        columns = [dg.TableColumn(name, kind, described.get(name)) for name, kind in cursor]
    return {"dagster/column_schema": dg.TableSchema(columns)}


def _counts(model: Model, connection: Connection) -> Mapping[str, Any]:
    with connection.cursor(cursor_factory=RealDictCursor) as cursor:
        changed = "sync.table_batch({table})" if model.is_tracked else "batch"
        query = f"SELECT batch, inserted, updated, deleted, total, {changed} AS changed FROM sync.models"
        quoted = sql.Identifier(model.schema, model.name).as_string(cursor)
        table, name = sql.Literal(quoted), sql.Literal(model.name)
        cursor.execute(sql.SQL(query + " WHERE model = {name}").format(table=table, name=name))
        counts: Mapping[str, Any] | None = cursor.fetchone()
    if counts is None:
        raise SyncError(
            f"sync.models has no row of {model.name}: its materialization {model.materialized} has to run its"
            f" pre- and post-hooks in its transaction, as dbt's own do"
        )
    return counts


def check_result(test: Test, model: Model, result: Result, connection: Connection) -> dg.AssetCheckResult:
    """A test's verdict; if it returned rows, how many and which."""
    passed = result.status == "pass"
    rows = [] if passed or not result.sql else _rows(result.sql, connection)
    metadata: dict[str, Any] = {"rows": result.failures, "seconds": round(result.seconds, 3)}
    if rows:
        metadata["first_rows"] = dg.MetadataValue.table([dg.TableRecord(row) for row in rows])
    return dg.AssetCheckResult(
        asset_key=model_key(model),
        check_name=test.check,
        passed=passed,
        severity=dg.AssetCheckSeverity.WARN if result.status == "warn" else dg.AssetCheckSeverity.ERROR,
        description=None if passed else _found(result, rows) + _way_out(test, model),
        metadata=metadata,
    )


def _found(result: Result, rows: list[dict[str, str | None]]) -> str:
    return _summary(result.failures, rows) if result.sql else " ".join(result.message.split())


def _way_out(test: Test, model: Model) -> str:
    """A test that blocks compares a model with what it is made of; others speak of what the shop says."""
    if not test.is_blocking:
        return ""
    return f". To build it anew: {repair_command(model_key(model), model.step, {'rebuild': True})}"


def _rows(query: str, connection: Connection) -> list[dict[str, str | None]]:
    """The first rows that a failed test returns."""
    with connection.cursor() as asking:
        bounded = sql.SQL(with_bounds(query, asking))
    limited = sql.SQL("SELECT * FROM ({}) AS test LIMIT {}").format(bounded, sql.Literal(SHOWN_ROWS))
    with connection.cursor(cursor_factory=RealDictCursor) as cursor:
        cursor.execute(limited)
        return [
            {name: None if value is None else str(value) for name, value in row.items()} for row in cursor
        ]


def _summary(failures: int, rows: list[dict[str, str | None]]) -> str:
    """`12 rows: dateid 90 (contradiction quarter 2), dateid 181 (…), dateid 182 (…), 183, 184, …`: the first
    rows with all that the test returns, the next ones by its first column."""
    count = f"{failures:,} row{'' if failures == 1 else 's'}"
    if not rows:
        return count
    described = [_described(row) for row in rows[:DESCRIBED_ROWS]]
    named = [f"{next(iter(row.values()))}" for row in rows[DESCRIBED_ROWS:NAMED_ROWS]]
    return f"{count}: {', '.join([*described, *named])}{', …' if failures > NAMED_ROWS else ''}"


def _described(row: Mapping[str, str | None]) -> str:
    first, *others = [f"{name} {value}" for name, value in row.items() if value is not None] or ["NULL"]
    return f"{first} ({', '.join(others)})" if others else first
