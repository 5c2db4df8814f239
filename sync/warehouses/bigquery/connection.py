"""Jobs of BigQuery as the base sees a connection: questions, definitions, loads, and rows that are written.

Every job has an id that is known before it is sent, so that a lost answer is asked for and never guessed.
"""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import IO, Any

from sync.errors import SyncError
from sync.warehouses.bigquery.url import Settings
from sync.warehouses.dbapi.dialect import PARAMETER
from sync.warehouses.dbapi.driver import load_driver

ASKING_SECONDS = 60.0  # for a job whose answer was lost
PAGE_ROWS = 5000
COMMENTS = re.compile(r"\A(\s|--[^\n]*\n)+")  # before a statement
QUESTIONS = ("SELECT", "WITH")
WRITES = ("INSERT", "UPDATE", "DELETE", "MERGE")


class BigQueryError(Exception):
    """An error of the API's, by its reason and its HTTP status, 0 where nothing came back."""

    def __init__(self, message: str, reason: str = "", status: int = 0) -> None:
        super().__init__(message)
        self.reason = reason
        self.status = status


class Connection:
    """A question or a definition is a job of its own. What writes rows waits for the next of these or for
    `commit`, and goes as one job, all of it or nothing; once `hold` was called it waits for `commit` alone,
    and questions are answered as things are before it."""

    request_seconds = 60.0  # until a server that says nothing is taken for lost

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.bigquery = load_driver("google.cloud.bigquery", "BigQuery", "bigquery")
        with errors():
            self.client = self.connected()
        self._pending: list[str] = []
        self.holds = False

    def connected(self) -> Any:
        """By the application default credentials: a service account's file, or the machine's."""
        return self.bigquery.Client(project=self.settings.project, location=self.settings.location)

    def cursor(self) -> Cursor:
        return Cursor(self)

    def hold(self) -> None:
        """Begin a transaction of rows."""
        self.commit()
        self.holds = True

    def commit(self) -> None:
        statements, self._pending, self.holds = self._pending, [], False
        if statements:
            self.run(as_script(statements))

    def rollback(self) -> None:
        self._pending, self.holds = [], False

    def close(self) -> None:
        self.client.close()

    def execute(self, statement: str) -> Any:
        """The rows of a question; nothing of what waits."""
        if statement.startswith(WRITES):
            self._pending.append(statement)
            return ()
        if not self.holds:
            self.commit()
        return self.ask(statement) if statement.startswith(QUESTIONS) else self.run(statement)

    def ask(self, statement: str) -> Any:
        """The rows of a question, which is asked again where the answer is lost."""
        return self._answered(
            lambda: self.client.query_and_wait(
                statement, retry=None, job_retry=None, page_size=PAGE_ROWS, api_timeout=self.request_seconds
            )
        )

    def run(self, statement: str) -> Any:
        """One job. Raises `BigQueryError`."""
        config = self.bigquery.QueryJobConfig(labels={"application": "softcart"})
        return self._done(
            lambda name: self.client.query(
                statement,
                job_config=config,
                job_id=name,
                retry=None,
                job_retry=None,
                timeout=self.request_seconds,
            ),
            retry=None,
            job_retry=None,
            page_size=PAGE_ROWS,
        )

    def load_file(self, table: str, columns: Sequence[str], file: IO[bytes]) -> int:
        """Append a Parquet file of texts to a table, which is made; returns how many rows were loaded."""
        config, name = self._load(columns), self.path(table)
        job = self._done(
            lambda job: self.client.load_table_from_file(
                file,
                name,
                rewind=True,
                num_retries=0,
                job_id=job,
                job_config=config,
                timeout=self.request_seconds,
            ),
            retry=None,
        )
        return int(job.output_rows or 0)

    def load_objects(self, table: str, columns: Sequence[str], urls: Sequence[str]) -> int:
        """The same of objects in a bucket, all of them or none."""
        config, name = self._load(columns), self.path(table)
        job = self._done(
            lambda job: self.client.load_table_from_uri(
                urls, name, job_id=job, job_config=config, retry=None, timeout=self.request_seconds
            ),
            retry=None,
        )
        return int(job.output_rows or 0)

    def _load(self, columns: Sequence[str]) -> Any:
        return self.bigquery.LoadJobConfig(
            source_format="PARQUET",
            write_disposition="WRITE_APPEND",
            schema=[self.bigquery.SchemaField(name, "STRING") for name in columns],
        )

    def path(self, table: str) -> str:
        """A table's name in SQL as the API has it."""
        return f"{self.settings.project}.{table.replace('`', '')}"

    def types(self, table: str) -> Mapping[str, str] | None:
        """A table's or view's columns and their types by the API's older names, None where there is none."""
        found = self.found(table)
        return None if found is None else {field.name: field.field_type for field in found.schema}

    def found(self, table: str) -> Any:
        """A table or view as the API has it, None where there is none."""
        not_found = load_driver("google.api_core.exceptions", "BigQuery", "bigquery").NotFound
        with errors():
            try:
                return self.client.get_table(self.path(table), retry=None, timeout=self.request_seconds)
            except not_found:
                return None

    def describe(self, table: str, comments: Mapping[str | None, str | None]) -> None:
        """Set the comments of columns, and by None the table's, as one change of the table."""
        with errors():
            found = self.client.get_table(self.path(table), timeout=self.request_seconds)
            schema = [field.to_api_repr() for field in found.schema]
            for field in schema:
                if field["name"] in comments:
                    field["description"] = comments[field["name"]] or ""
            found.schema = [self.bigquery.SchemaField.from_api_repr(field) for field in schema]
            found.description = comments.get(None, found.description)
            self.client.update_table(found, ["schema", "description"], timeout=self.request_seconds)

    def drop(self, table: str) -> None:
        """Drop a table that may not be there."""
        with errors():
            self.client.delete_table(
                self.path(table), not_found_ok=True, retry=None, timeout=self.request_seconds
            )

    def _done(self, begin: Callable[[str], Any], **options: Any) -> Any:
        """Begin a job and wait for its end. Where an answer is lost the job is asked for by its id."""
        name = f"softcart_{uuid.uuid4().hex}"
        begun = False

        def job() -> Any:
            nonlocal begun
            again, begun = begun, True
            return (self._begun(name) if again else begin(name)).result(**options)

        return self._answered(job)

    def _begun(self, name: str) -> Any:
        try:
            return self.client.get_job(name, retry=None, timeout=self.request_seconds)
        except load_driver("google.api_core.exceptions", "BigQuery", "bigquery").NotFound as error:
            raise BigQueryError(f"the connection was lost before the job {name} arrived") from error

    def _answered(self, ask: Callable[[], Any]) -> Any:
        deadline = time.monotonic() + ASKING_SECONDS
        with errors():
            while True:
                try:
                    return ask()
                except _lost():
                    if time.monotonic() > deadline:
                        raise
                    time.sleep(0.5)


class Cursor:
    """See DB-API 2.0, as far as the base goes."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.description: list[tuple[str]] = []
        self._rows: Iterator[Any] = iter(())

    def execute(self, statement: str, values: Sequence[Any] = ()) -> None:
        parts = statement.split(PARAMETER)
        bound = "".join(
            part + (literal(values[number]) if number < len(values) else "")
            for number, part in enumerate(parts)
        )
        found = self.connection.execute(COMMENTS.sub("", bound))
        self.description = [(field.name,) for field in getattr(found, "schema", None) or ()]
        self._rows = iter(found)

    def fetchmany(self, size: int) -> list[tuple[Any, ...]]:
        with errors():
            return [tuple(row) for row in islice(self._rows, size)]

    def fetchall(self) -> list[tuple[Any, ...]]:
        with errors():
            return [tuple(row) for row in self._rows]

    def close(self) -> None:
        self._rows = iter(())


def literal(value: Any) -> str:
    """A text or a whole number in SQL."""
    if value is None or isinstance(value, int):
        return "NULL" if value is None else str(value)
    escaped = str(value).replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n").replace("\r", "\\r")
    return f"'{escaped}'"


def as_script(statements: Sequence[str]) -> str:
    """Statements that are done all or not at all: what fails in a transaction ends it without a trace."""
    if len(statements) == 1:
        return statements[0]
    return (
        "BEGIN TRANSACTION;\n"
        + "".join(f"{statement};\n" for statement in statements)
        + "COMMIT TRANSACTION;"
    )


def _lost() -> tuple[type[Exception], ...]:
    """What the driver raises where it has no answer."""
    requests = load_driver("requests.exceptions", "BigQuery", "bigquery")
    google = load_driver("google.api_core.exceptions", "BigQuery", "bigquery")
    return (
        requests.ConnectionError,
        requests.Timeout,
        requests.ChunkedEncodingError,
        google.ServiceUnavailable,
        google.BadGateway,
        google.GatewayTimeout,
    )


@contextmanager
def errors() -> Iterator[None]:
    """Turn the driver's errors, of several packages, into `BigQueryError`."""
    google = load_driver("google.api_core.exceptions", "BigQuery", "bigquery")
    auth = load_driver("google.auth.exceptions", "BigQuery", "bigquery")
    try:
        yield
    except auth.DefaultCredentialsError as error:
        raise SyncError(
            f"BigQuery: {error} Name a service account's file in GOOGLE_APPLICATION_CREDENTIALS"
        ) from error
    except google.GoogleAPICallError as error:
        reason = error.errors[0].get("reason", "") if error.errors else ""
        raise BigQueryError(str(error.message), reason, int(error.code or 0)) from error
    except (*_lost(), google.GoogleAPIError, auth.GoogleAuthError) as error:
        raise BigQueryError(str(error)) from error
