"""The registry of models, in MLflow: versions, aliases, and what each version came from.

Its skinny form is enough: it logs, registers and loads over a database or a server. `MLFLOW_TRACKING_URI`
says where; without it models are kept in a SQLite file below SOFTCART_HOME. Importing MLflow takes seconds,
so the rest of the platform asks staging what stands (`store.py`) and comes here only to register, promote or
load.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from forecast.errors import ForecastError
from sync.connections.postgresql import connect_postgresql

if TYPE_CHECKING:
    from mlflow import MlflowClient

CHAMPION = "champion"
CANDIDATE = "candidate"
EXPERIMENT = "softcart"
SALES, PRETRAINED = "softcart_sales", "softcart_sales_pretrained"
"""The registered models' names."""


@dataclass(frozen=True)
class Version:
    """One version of a registered model, and the run that made it."""

    name: str
    number: int
    run_id: str


class Registry:
    """MLflow at a tracking URI; files of models go below `artifacts` unless a server keeps them.

    Every method raises `ForecastError` where MLflow lacks what is asked for, `SyncError` where its database
    cannot be reached.
    """

    def __init__(self, uri: str, artifacts: Path) -> None:
        self._uri = uri
        self._artifacts = artifacts

    @classmethod
    def from_environment(cls) -> Registry:
        """The one that `MLFLOW_TRACKING_URI` names, else a file below SOFTCART_HOME."""
        home = Path(os.environ.get("SOFTCART_HOME") or ".softcart").resolve() / "forecast"
        home.mkdir(parents=True, exist_ok=True)
        return cls(os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{home}/mlflow.db", home / "models")

    def register(
        self,
        name: str,
        files: Mapping[str, str] | Path,
        parameters: Mapping[str, object],
        metrics: Mapping[str, float],
        tags: Mapping[str, str],
    ) -> Version:
        """Log a run with its parameters, metrics and files (texts by name, or a folder), and make it the next
        version of `name`, which `CANDIDATE` then points to."""
        with self._client() as client:
            run = client.create_run(self._experiment(client), run_name=name)
            run_id = run.info.run_id
            for key, value in parameters.items():
                client.log_param(run_id, key, value)
            for key, number in metrics.items():
                client.log_metric(run_id, key, number)
            if isinstance(files, Path):
                client.log_artifacts(run_id, str(files), "model")
            else:
                for file, text in files.items():
                    client.log_text(run_id, text, f"model/{file}")
            client.set_terminated(run_id)
            _ensure_model(client, name)
            made = client.create_model_version(
                name, f"{run.info.artifact_uri}/model", run_id=run_id, tags=dict(tags)
            )
            client.set_registered_model_alias(name, CANDIDATE, made.version)
            return Version(name, int(made.version), run_id)

    def promote(self, name: str, number: int) -> None:
        """Let `CHAMPION` point to a version."""
        with self._client() as client:
            client.set_registered_model_alias(name, CHAMPION, str(number))

    def champion(self, name: str) -> int | None:
        """The number of the version that `CHAMPION` points to, None where none was promoted."""
        from mlflow.exceptions import MlflowException

        with self._client() as client:
            try:
                return int(client.get_model_version_by_alias(name, CHAMPION).version)
            except MlflowException as error:
                if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                    return None
                raise

    def read(self, name: str, number: int, file: str) -> str:
        """The text of a version's file."""
        with self._client() as client:
            version = client.get_model_version(name, str(number))
            return Path(client.download_artifacts(str(version.run_id), f"model/{file}")).read_text()

    @contextmanager
    def folder(self, name: str, number: int) -> Iterator[Path]:
        """All files of a version, as long as the block runs."""
        import tempfile  # noqa: PLC0415

        with tempfile.TemporaryDirectory(prefix="softcart-model-") as place, self._client() as client:
            version = client.get_model_version(name, str(number))
            yield Path(client.download_artifacts(str(version.run_id), "model", place))

    def _experiment(self, client: MlflowClient) -> str:
        if found := client.get_experiment_by_name(EXPERIMENT):
            return str(found.experiment_id)
        is_server = self._uri.startswith(("http://", "https://"))
        location = None if is_server else self._artifacts.as_uri()
        return str(client.create_experiment(EXPERIMENT, artifact_location=location))

    @contextmanager
    def _client(self) -> Iterator[MlflowClient]:
        if self._uri.startswith("postgres"):
            connect_postgresql(self._uri).close()  # MLflow tries for minutes
        mlflow, errors = _mlflow()
        try:
            yield mlflow.MlflowClient(tracking_uri=self._uri, registry_uri=self._uri)
        except errors as error:
            said = " ".join(str(error).split()).replace(self._uri, "MLFLOW_TRACKING_URI")
            raise ForecastError(
                f"the registry of models (MLFLOW_TRACKING_URI) refuses: {said[:500]}"
            ) from error


def _mlflow() -> tuple[Any, tuple[type[Exception], ...]]:
    """MLflow, silent and without telemetry, and what it raises."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
    import mlflow
    from mlflow.exceptions import MlflowException
    from requests.exceptions import RequestException  # noqa: PLC0415
    from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415

    for name in ("mlflow", "alembic"):  # it is all in the exceptions
        logging.getLogger(name).setLevel(logging.ERROR)
    return mlflow, (MlflowException, SQLAlchemyError, RequestException)


def _ensure_model(client: MlflowClient, name: str) -> None:
    from mlflow.exceptions import MlflowException

    try:
        client.get_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        client.create_registered_model(name)
