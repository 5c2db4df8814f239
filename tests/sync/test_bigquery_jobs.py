"""BigQuery's jobs without a server: lost answers, errors by their reasons, rows that wait for a commit."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import requests
from google.api_core.exceptions import BadRequest, Forbidden, NotFound

from sync.errors import LeaseLost, TransientError
from sync.warehouses.bigquery import connection as jobs
from sync.warehouses.bigquery.connection import BigQueryError, Connection, Cursor
from sync.warehouses.bigquery.dialect import LOST, BigQueryDialect
from sync.warehouses.dbapi.dialect import Trouble

DIALECT = BigQueryDialect("bigquery://my-shop/softcart", {})


@pytest.mark.parametrize(
    ("error", "trouble"),
    [
        (BigQueryError("no answer"), Trouble.TRANSIENT),
        (BigQueryError("busy", "rateLimitExceeded", 403), Trouble.TRANSIENT),
        (
            BigQueryError("Transaction is aborted due to concurrent update", "invalidQuery", 400),
            Trouble.TRANSIENT,
        ),
        (BigQueryError("Syntax error", "invalidQuery", 400), Trouble.PERMANENT),
        (BigQueryError("Access denied", "accessDenied", 403), Trouble.PERMANENT),
    ],
)
def test_an_error_is_worth_another_try_by_its_reason(error: BigQueryError, trouble: Trouble) -> None:
    assert DIALECT.trouble(error) is trouble


def test_the_fences_error_says_that_the_lease_is_lost() -> None:
    with pytest.raises(LeaseLost), DIALECT.errors("production"):
        raise BigQueryError(f"Query error: {LOST} at [2:1]", "invalidQuery", 400)


class Client:
    """A client whose first answer is lost; the job may have arrived."""

    def __init__(self, arrives: bool) -> None:
        self.arrives, self.sent, self.names = arrives, 0, set[str]()

    def query(self, statement: str, job_id: str, **options: Any) -> Any:
        self.sent += 1
        self.names.add(job_id)
        raise requests.ConnectionError("gone")

    def get_job(self, name: str, **options: Any) -> Any:
        if not self.arrives:
            raise NotFound("no such job")
        assert name in self.names
        return SimpleNamespace(result=lambda **options: [(1,)])


def connected(client: Client, monkeypatch: pytest.MonkeyPatch) -> Connection:
    monkeypatch.setattr(Connection, "connected", lambda self: client)
    monkeypatch.setattr(jobs.time, "sleep", lambda seconds: None)
    return Connection(DIALECT.settings)


def test_a_job_whose_answer_is_lost_is_asked_for_and_not_sent_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client(arrives=True)
    assert connected(client, monkeypatch).run("DELETE FROM a WHERE TRUE") == [(1,)]
    assert client.sent == 1


def test_a_job_that_never_arrived_is_worth_another_try(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client(arrives=False)
    connection = connected(client, monkeypatch)
    with (
        pytest.raises(TransientError, match="lost before the job softcart_"),
        DIALECT.errors("here"),
    ):
        connection.run("DELETE FROM a WHERE TRUE")
    assert client.sent == 1


def test_rows_that_are_written_wait_for_the_commit_and_are_gone_with_a_rollback(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said: list[str] = []
    connection = connected(Client(arrives=True), monkeypatch)
    monkeypatch.setattr(connection, "run", said.append)
    monkeypatch.setattr(connection, "ask", lambda statement: said.append(statement) or [])
    cursor = Cursor(connection)
    cursor.execute("DELETE FROM a WHERE b = \0", ["c"])
    cursor.execute("SELECT 1")
    assert said == ["DELETE FROM a WHERE b = 'c'", "SELECT 1"]
    connection.hold()
    cursor.execute("DELETE FROM d WHERE TRUE")
    cursor.execute("SELECT 2")
    assert said[2:] == ["SELECT 2"]
    connection.rollback()
    connection.commit()
    assert said[3:] == []


def test_errors_of_the_driver_keep_their_reason() -> None:
    for error in (
        BadRequest("a", errors=[{"reason": "invalid"}]),
        Forbidden("b", errors=[{"reason": "quotaExceeded"}]),
    ):
        with pytest.raises(BigQueryError) as found, jobs.errors():
            raise error
        assert (found.value.reason, found.value.status) == (error.errors[0]["reason"], error.code)
