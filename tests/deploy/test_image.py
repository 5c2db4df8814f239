"""The image's steps work in an empty folder, and what they leave serves the definitions."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.deploy.dockerfile import CLONE, Builder, context, stages

STAGES = stages((CLONE / "Dockerfile").read_text())
KEYS = "import definitions, sys; print(len(definitions.defs.resolve_all_asset_keys()), 'dbt' in sys.modules)"


def test_the_image_runs_as_a_user_without_rights_and_has_no_compiler() -> None:
    last = STAGES[-1].steps
    assert ("USER", "10001:10001") in last
    installed = " ".join(arguments for instruction, arguments in last if instruction == "RUN")
    assert not re.search(r"\b(gcc|g\+\+|build-essential|make|cargo|pip|uv)\b", installed)


def test_no_step_copies_what_the_build_does_not_get(tmp_path: Path) -> None:
    given = context(tmp_path)
    copied = [arguments for stage in STAGES for name, arguments in stage.steps if name == "COPY"]
    for arguments in copied:
        if "--from" not in arguments:
            *sources, _ = arguments.split()
            assert [source for source in sources if not (given / source).exists()] == []
    assert not {".git", ".softcart", "tests", "docs"} & {path.name for path in given.iterdir()}


@pytest.mark.extended
def test_the_steps_leave_an_installation_that_serves_the_graph_without_importing_dbt(tmp_path: Path) -> None:
    root = tmp_path / "opt" / "softcart"
    given = context(tmp_path / "context")
    builder = Builder(root, given)
    # The environment refers to itself by its path, so it is built where it will be.
    builder.build(STAGES)
    shutil.rmtree(given)
    environment = builder.environment
    assert environment["DAGSTER_HOME"] == str(root / "dagster")
    bare = {**environment, "PATH": f"{root}/venv/bin"}
    before = sorted(path.name for path in root.iterdir())
    assert before == ["dagster", "exports", "state", "venv", "workspace.yaml"]
    (root / "venv" / "lib").chmod(0o555)
    said = subprocess.run(["python", "-c", KEYS], cwd=root, env=bare, capture_output=True, text=True)
    assert said.returncode == 0, said.stderr
    count, imported = said.stdout.split()
    assert int(count) > 50
    assert imported == "False"
    assert builder.command[:3] == ["dagster", "api", "grpc"]
    validate = ["dagster", "definitions", "validate", "--module-name", "definitions"]
    done = subprocess.run(
        [f"{root}/venv/bin/{validate[0]}", *validate[1:]],
        cwd=root,
        env={**bare, "DAGSTER_HOME": str(tmp_path), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
