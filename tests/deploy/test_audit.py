"""The image, the containers and the workflow, read by the tools that are made for it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from stack.audit import NO_SECRETS_IN, audit_dependencies, commands, judge
from stack.home import Home
from stack.tools import Tool
from tests.deploy.dockerfile import CLONE

WORKFLOW = (CLONE / ".github" / "workflows" / "ci.yml").read_text()
LOOKS = {title: command for title, command in commands() if title != "secrets"}


@pytest.fixture(scope="session")
def tools() -> Path:
    tool = Tool.named("audit", Home.from_environment())
    tool.install()
    return tool.folder / "bin"


@pytest.mark.parametrize("title", LOOKS)
def test_a_tool_finds_nothing_in(title: str, tools: Path) -> None:
    program, *arguments = LOOKS[title]
    done = subprocess.run([tools / program, *arguments], cwd=CLONE, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_password_in_a_file_is_found(tools: Path, tmp_path: Path) -> None:
    leak = tmp_path / "settings.py"
    leak.write_text('URL = "postgresql://shop:' + "hunter2" * 3 + '@db.example.org/shop"\n')
    command = [tools / "detect-secrets-hook", "--exclude-files", NO_SECRETS_IN, leak]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True).returncode == 1


def test_the_document_has_every_command_of_the_workflow() -> None:
    document = (CLONE / "docs" / "continuous-integration.md").read_text()
    ran = re.findall(r"- run: (.+)", WORKFLOW)
    assert len(ran) > 8
    assert [command for command in ran if command not in document] == []


@pytest.mark.usefixtures("tools")
def test_advisories_that_cannot_be_asked_are_no_good_news(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # the port of a service that nobody runs
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    said: list[str] = []
    assert not audit_dependencies(Home.from_environment(), said.append)
    (line,) = said
    assert line.startswith("the pinned packages were not looked at: PyPI's advisories cannot be asked")
    assert "Connection refused" in line


CLEAN = {"name": "click", "version": "8.3.1", "vulns": []}
OLD = {
    "name": "jinja2", "version": "2.10",
    "vulns": [{"id": "PYSEC-2019-217", "fix_versions": ["2.10.1"], "aliases": [], "description": ""}],
}  # fmt: skip
UNKNOWN = {"name": "adagio", "skip_reason": "Dependency not found on PyPI and could not be audited"}


@pytest.mark.parametrize(
    ("packages", "passes", "words"),
    [
        pytest.param([CLEAN], True, "nothing found, 1 looked at", id="clean"),
        pytest.param([CLEAN, OLD], False, "jinja2 2.10: PYSEC-2019-217, mended in 2.10.1", id="old"),
        pytest.param(
            [CLEAN, UNKNOWN], False, "1 of 2 pinned packages were not looked at.*adagio", id="unknown"
        ),
    ],
)
def test_pinned_packages_pass_when_all_were_looked_at_and_nothing_is_known(
    packages: list[dict[str, Any]], passes: bool, words: str
) -> None:
    said: list[str] = []
    assert judge(packages, said.append) is passes
    assert len(said) == 1
    assert re.search(words, said[0])
