"""What `install.sh` says to kubectl and helm, which stand-ins here write down."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from pathlib import Path

import dagster as dg
import pytest

from tests.deploy.dockerfile import CLONE

SCRIPT = CLONE / "deploy" / "kubernetes" / "install.sh"
STAND_IN = """#!/bin/sh
echo "$(basename "$0") $*" >> "$SAID"
case "$*" in
    *"apply --filename -"*) cat >> "$APPLIED"; echo >> "$APPLIED" ;;
esac
"""
SHOP = {
    "SOFTCART_MYSQL_URL": "mysql://me:hidden1@shop/shop",
    "SOFTCART_MONGO_URL": "mongodb://me:hidden2@shop/catalog",
}
OWN = {
    f"SOFTCART_{name}_URL": f"postgresql://owner:hid%23den@db.example.org:5433/{name.lower()}"
    for name in ("STAGING", "PRODUCTION", "DAGSTER")
}


class Install:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for tool in ("kubectl", "helm"):
            path = folder / tool
            path.write_text(STAND_IN)
            path.chmod(0o755)

    def run(
        self, settings: dict[str, str], image: str = "softcart:local"
    ) -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": f"{self.folder}:{os.environ['PATH']}",
            "SAID": str(self.folder / "said"),
            "APPLIED": str(self.folder / "applied"),
            **settings,
        }
        return subprocess.run([SCRIPT, image], env=environment, capture_output=True, text=True)

    @property
    def said(self) -> str:
        return (self.folder / "said").read_text()

    def secrets(self) -> dict[str, dict[str, str]]:
        lines = (self.folder / "applied").read_text().splitlines()
        objects = [json.loads(line) for line in lines if line.startswith("{")]
        return {
            each["metadata"]["name"]: {
                name: base64.b64decode(value).decode() for name, value in each["data"].items()
            }
            for each in objects
            if each["kind"] == "Secret"
        }


@pytest.fixture
def install(tmp_path: Path) -> Install:
    return Install(tmp_path)


def test_databases_of_ones_own_are_named_and_no_password_is_on_a_command_line(install: Install) -> None:
    done = install.run({**SHOP, **OWN}, "registry:5000/softcart:1.2")
    assert done.returncode == 0, done.stderr
    secrets = install.secrets()
    assert secrets["softcart-urls"] == {**SHOP, **OWN}
    assert secrets["softcart-dagster-storage"] == {"postgresql-password": "hid#den"}
    assert not any(word in install.said for word in ("hidden", "hid#den", "hid%23den"))
    helm = next(line for line in install.said.splitlines() if line.startswith("helm upgrade"))
    for expected in (
        "postgresql.postgresqlHost=db.example.org",
        "postgresql.postgresqlUsername=owner",
        "postgresql.service.port=5433",
        "dagsterDaemon.image.repository=registry:5000/softcart",
        "dagsterDaemon.image.tag=1.2",
        f"--repo https://dagster-io.github.io/helm --version {dg.__version__}",
    ):
        assert expected in helm
    assert "postgres.yaml" not in install.said


def test_without_databases_a_postgresql_is_installed_with_a_password_of_its_own(install: Install) -> None:
    done = install.run(SHOP)
    assert done.returncode == 0, done.stderr
    secrets = install.secrets()
    password = secrets["softcart-dagster-storage"]["postgresql-password"]
    assert len(password) == 48
    staging = f"postgresql://softcart:{password}@postgres:5432/staging"
    assert secrets["softcart-urls"]["SOFTCART_STAGING_URL"] == staging
    assert "postgres.yaml" in install.said
    assert password not in install.said


def test_what_is_missing_is_named(install: Install) -> None:
    assert "SOFTCART_MYSQL_URL" in install.run({}).stderr
    some = {"SOFTCART_STAGING_URL": OWN["SOFTCART_STAGING_URL"]}
    said = install.run({**SHOP, **some}).stderr
    assert "SOFTCART_PRODUCTION_URL is not set: set all three databases, or none" in said
