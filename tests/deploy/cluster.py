"""As much of a Kubernetes cluster as Dagster's launcher speaks to: an API for Jobs, pods, logs and events.

Its kubelet runs the command of a Job's container as a process of this machine.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

Object = dict[str, Any]
GRACE_SECONDS = 20


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Cluster:
    """Jobs and their pods, by namespace and name; `environment` is what an image would bring along."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder, self.environment = folder, dict(environment)
        self.lock = threading.RLock()
        self.jobs: dict[tuple[str, str], Object] = {}
        self.pods: dict[tuple[str, str], Object] = {}
        self.processes: dict[str, subprocess.Popen[bytes]] = {}  # by the Job's name
        self.launched: list[Object] = []

    def create(self, namespace: str, job: Object) -> Object:
        name = job["metadata"]["name"]
        with self.lock:
            job["metadata"] |= {"namespace": namespace, "uid": str(uuid.uuid4()), "creationTimestamp": _now()}
            job["status"] = {"active": 1, "startTime": _now()}
            template = job["spec"]["template"]
            pod_name = f"{name}-{uuid.uuid4().hex[:5]}"
            labels = {**template.get("metadata", {}).get("labels", {}), "job-name": name}
            pod = {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {
                    "name": pod_name,
                    "namespace": namespace,
                    "labels": labels,
                    "uid": str(uuid.uuid4()),
                },
                "spec": template["spec"],
                "status": {"phase": "Running"},
            }
            self.jobs[namespace, name], self.pods[namespace, pod_name] = job, pod
            self.launched.append(json.loads(json.dumps(job)))
            self._run(name, pod)
        return job

    def _run(self, job: str, pod: Object) -> None:
        """The kubelet."""
        container = pod["spec"]["containers"][0]
        given = {entry["name"]: entry["value"] for entry in container.get("env", []) if "value" in entry}
        own = {name: value for name, value in given.items() if name != "DAGSTER_HOME"}  # a path of the image
        command = [*container.get("command", []), *container.get("args", [])]
        with self.log_of(pod["metadata"]["name"]).open("wb") as log:
            process = subprocess.Popen(
                command,
                env={**self.environment, **own},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.processes[job] = process
        threading.Thread(target=self._wait, args=(job, pod, process), daemon=True).start()

    def log_of(self, pod: str) -> Path:
        return self.folder / f"{pod}.log"

    def _wait(self, job: str, pod: Object, process: subprocess.Popen[bytes]) -> None:
        code = process.wait()
        with self.lock:
            phase = "Succeeded" if code == 0 else "Failed"
            exit_code = 128 - code if code < 0 else code  # as a container's: 137 after SIGKILL
            state = {"exitCode": exit_code, "reason": "Completed" if code == 0 else "Error"}
            container = pod["spec"]["containers"][0]["name"]
            pod["status"] = {
                "phase": phase,
                "containerStatuses": [
                    {
                        "name": container,
                        "image": "softcart",
                        "imageID": "",
                        "ready": False,
                        "restartCount": 0,
                        "state": {"terminated": state},
                    }
                ],
            }
            if known := self.jobs.get((pod["metadata"]["namespace"], job)):
                known["status"] = {phase.lower(): 1, "startTime": known["status"]["startTime"]}

    def delete(self, namespace: str, name: str) -> Object | None:
        """Delete a Job with its pods: SIGTERM, and SIGKILL after the time of grace."""
        with self.lock:
            job = self.jobs.pop((namespace, name), None)
            for key, pod in list(self.pods.items()):
                if pod["metadata"]["labels"]["job-name"] == name:
                    del self.pods[key]
        process = self.processes.get(name)
        if job and process:
            threading.Thread(target=end, args=(process,), daemon=True).start()
        return job

    def kill(self, name: str) -> None:
        """What the kernel does to a pod that took too much memory."""
        os.killpg(self.processes[name].pid, signal.SIGKILL)
        self.processes[name].wait()


def end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _matches(object_: Object, query: Mapping[str, list[str]]) -> bool:
    labels = object_["metadata"].get("labels", {})
    for selector in ",".join(query.get("labelSelector", [])).split(","):
        name, _, value = selector.partition("=")
        if selector and labels.get(name) != value.lstrip("="):
            return False
    for selector in ",".join(query.get("fieldSelector", [])).split(","):
        name, _, value = selector.partition("=")
        if name == "metadata.name" and object_["metadata"]["name"] != value.lstrip("="):
            return False
    return True


def handler(cluster: Cluster) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            namespace, kind, name, part = self._path()
            known = {"jobs": cluster.jobs, "pods": cluster.pods, "events": {}}.get(kind, {})
            if name is None:
                query = parse_qs(urlsplit(self.path).query)
                with cluster.lock:
                    items = [
                        each for key, each in known.items() if key[0] == namespace and _matches(each, query)
                    ]
                    self._answer(200, {"apiVersion": "v1", "kind": "List", "metadata": {}, "items": items})
            elif part == "log":
                self._text(cluster.log_of(name).read_text(errors="replace"))
            elif found := known.get((namespace, name)):
                with cluster.lock:
                    self._answer(200, found)
            else:
                self._missing(kind, name)

        def do_POST(self) -> None:
            namespace, kind, _, _ = self._path()
            assert kind == "jobs", self.path
            length = int(self.headers["Content-Length"])
            self._answer(201, cluster.create(namespace, json.loads(self.rfile.read(length))))

        def do_DELETE(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            namespace, kind, name, _ = self._path()
            if kind == "jobs" and name and cluster.delete(namespace, name) is None:
                self._missing(kind, name)
            else:
                self._answer(200, {"kind": "Status", "apiVersion": "v1", "status": "Success"})

        def _path(self) -> tuple[str, str, str | None, str | None]:
            """Namespace, kind, name and subresource: /apis/batch/v1/namespaces/NS/jobs/NAME/status."""
            words = urlsplit(self.path).path.strip("/").split("/")
            words = words[words.index("namespaces") + 1 :]
            namespace, kind, name, part = [*words, None, None, None][:4]
            assert namespace and kind, self.path
            return namespace, kind, name, part

        def _missing(self, kind: str, name: str) -> None:
            status = {"kind": "Status", "status": "Failure", "reason": "NotFound", "code": 404}
            self._answer(404, {**status, "message": f'{kind} "{name}" not found'})

        def _answer(self, code: int, body: Object) -> None:
            self._send(code, "application/json", json.dumps(body).encode())

        def _text(self, text: str) -> None:
            self._send(200, "text/plain", text.encode())

        def _send(self, code: int, kind: str, body: bytes) -> None:
            self.send_response(code)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:
            """Nobody reads it."""

    return Handler


@contextmanager
def serving(cluster: Cluster) -> Iterator[Path]:
    """The API on loopback; yields a kubeconfig that points at it."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(cluster))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "test", "cluster": {"server": f"http://127.0.0.1:{server.server_port}"}}],
        "users": [{"name": "test", "user": {}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        "current-context": "test",
    }
    path = cluster.folder / "kubeconfig"
    path.write_text(json.dumps(config))
    try:
        yield path
    finally:
        server.shutdown()
        server.server_close()
        for process in cluster.processes.values():
            end(process)
