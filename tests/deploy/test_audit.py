"""The image, the containers and the workflow, read by the tools that are made for it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from stack.audit import NO_SECRETS_IN, commands
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
