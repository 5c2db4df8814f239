"""Tools that look for what a reader overlooks: secrets, a careless image, a workflow with too many rights.

They are fetched when they are asked for; their pins are in `stack/tools/audit.txt`.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from typing import Any

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
    """Whether PyPI's advisories were asked about every pinned package, and know no vulnerability of any.

    Raises:
        ToolMissing: the tools cannot be fetched.
    """
    pinned = ["--requirement", "requirements.lock", "--require-hashes", "--disable-pip"]
    done = _run(home, ["pip-audit", *pinned, "--progress-spinner", "off", "--format", "json"])
    try:
        packages: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except ValueError:
        why = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        say(f"the pinned packages were not looked at: PyPI's advisories cannot be asked (pip-audit): {why}")
        return False
    return judge(packages, say)


def judge(packages: list[dict[str, Any]], say: Say) -> bool:
    """Whether every package of pip-audit's report was looked at, and nothing is known of it.

    pip-audit itself is content with packages of which the index had no advisories to give.
    """
    left_out = [package for package in packages if "skip_reason" in package]
    known = [(package, found) for package in packages for found in package.get("vulns", [])]
    for package, found in known:
        mended = ", ".join(found["fix_versions"]) or "no version yet"
        say(f"{package['name']} {package['version']}: {found['id']}, mended in {mended}")
    if left_out:
        first = left_out[0]
        say(
            f"{len(left_out)} of {len(packages)} pinned packages were not looked at, so nothing is known of"
            f" them: {', '.join(package['name'] for package in left_out[:3])} …"
            f" ({first['skip_reason']}). Ask again where https://pypi.org/pypi answers"
        )
    elif not known:
        say(f"the pinned packages: nothing found, {len(packages)} looked at (pip-audit)")
    return not (left_out or known)


def _passes(home: Home, title: str, command: list[str], say: Say) -> bool:
    done = _run(home, command)
    if done.returncode:
        say(f"{title} ({command[0]}):\n{done.stdout}{done.stderr}".rstrip())
    else:
        say(f"{title}: nothing found ({command[0]})")
    return done.returncode == 0


def _run(home: Home, command: list[str]) -> subprocess.CompletedProcess[str]:
    tool = Tool.named("audit", home)
    tool.install()
    program, *arguments = command
    return subprocess.run(
        [str(tool.folder / "bin" / program), *arguments],
        cwd=CLONE,
        env={**os.environ, "NO_COLOR": "1"},
        capture_output=True,
        text=True,
    )
