"""Tools that look for what a reader overlooks: secrets, a careless image, a workflow with too many rights.

They are fetched when they are asked for; their pins are in `stack/tools/audit.txt`.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator

from stack.home import CLONE, Home
from stack.server import Say
from stack.tools import Tool

# Made-up words in tests and in the documents' examples, and hashes in locks, look like secrets.
NO_SECRETS_IN = r"^(tests/|docs/|requirements\.lock|stack/setup\.lock|notebooks/)"
COMPOSE = "deploy/docker/compose.yaml"


def commands() -> Iterator[tuple[str, list[str]]]:
    """What is looked at, and by which command."""
    workflows = [str(path.relative_to(CLONE)) for path in sorted(CLONE.glob(".github/workflows/*.yml"))]
    schema = ["check-jsonschema", "--builtin-schema"]
    yield "the image", ["hadolint", "Dockerfile"]
    yield "the containers", [*schema, "vendor.compose-spec", COMPOSE]
    yield "the workflows", [*schema, "vendor.github-workflows", *workflows]
    yield "what the workflows may do", ["zizmor", "--offline", "--quiet", *workflows]
    yield "secrets", ["detect-secrets-hook", "--exclude-files", NO_SECRETS_IN, *_files()]


def _files() -> list[str]:
    listed = subprocess.run(["git", "ls-files"], cwd=CLONE, capture_output=True, text=True, check=True)
    return listed.stdout.splitlines()


def audit(home: Home, say: Say) -> bool:
    """Whether every tool is content; `say` what those that are not have found.

    Raises:
        ToolMissing: the tools cannot be fetched.
    """
    passed = [_passes(home, title, command, say) for title, command in commands()]  # each has its say
    return all(passed)


def audit_dependencies(home: Home, say: Say) -> bool:
    """Whether no pinned package has a known vulnerability, as PyPI's advisories say.

    Raises:
        ToolMissing: the tools cannot be fetched.
    """
    pinned = ["--requirement", "requirements.lock", "--require-hashes", "--disable-pip"]
    calm = ["--progress-spinner", "off"]
    return _passes(home, "the pinned packages", ["pip-audit", *pinned, *calm], say)


def _passes(home: Home, title: str, command: list[str], say: Say) -> bool:
    tool = Tool.named("audit", home)
    tool.install()
    program, *arguments = command
    done = subprocess.run(
        [str(tool.folder / "bin" / program), *arguments],
        cwd=CLONE,
        env={**os.environ, "NO_COLOR": "1"},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        say(f"{title} ({program}):\n{done.stdout}{done.stderr}".rstrip())
    else:
        say(f"{title}: nothing found ({program})")
    return done.returncode == 0
