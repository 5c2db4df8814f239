"""Programs from Go modules, built once and kept in the home; only what asks for one needs Go."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from stack.home import Home, StackError
from stack.tools import PINS


class GoMissing(StackError):
    """There is no Go here, or it cannot build the program; the message says what to do."""


def program(home: Home, name: str, package: str, patches: Mapping[str, tuple[str, str]]) -> Path:
    """A program of a Go package, at the versions that `stack/tools/<name>/go.mod` pins. `patches` replace one
    text by another in files named as `module//path.go`.

    Raises:
        GoMissing: no `go` is on PATH, or the build fails.
    """
    pins, folder = PINS / name, home.tools / "tools" / name
    stamp, binary = folder / "built", folder / Path(package).name
    wanted = (pins / "go.sum").read_text() + json.dumps(patches, sort_keys=True)
    if stamp.exists() and stamp.read_text() == wanted:
        return binary
    go = shutil.which("go")
    if go is None:
        version = next(line for line in (pins / "go.mod").read_text().splitlines() if line.startswith("go "))
        raise GoMissing(
            f"{binary.name} is built from its Go module, and there is no Go on PATH: install {version} or"
            f" later, from https://go.dev/dl/ or the package golang-go"
        )
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True)
    for file in ("go.mod", "go.sum"):
        shutil.copyfile(pins / file, folder / file)
    for file, (old, new) in patches.items():
        _patch(go, folder, file, old, new)
    _run(go, folder, "build", "-o", str(binary), package)
    stamp.write_text(wanted)
    return binary


def _patch(go: str, folder: Path, file: str, old: str, new: str) -> None:
    """Change one file of a module, which Go takes from a copy of it here."""
    module, _, path = file.partition("//")
    copy = folder / "patched" / Path(module).name
    if not copy.exists():
        found = json.loads(_run(go, folder, "mod", "download", "-json", module))["Dir"]
        # The files of a copy, unlike those of the cache, can be written.
        shutil.copytree(found, copy, copy_function=shutil.copyfile)
        _run(go, folder, "mod", "edit", f"-replace={module}=./patched/{copy.name}")
    text = (copy / path).read_text()
    if text.count(old) != 1:
        raise GoMissing(f"{file} is not the file that the patch in stack/ was made for")
    (copy / path).write_text(text.replace(old, new))


def _run(go: str, folder: Path, *arguments: str) -> str:
    environment = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-mod=mod"}
    done = subprocess.run([go, *arguments], cwd=folder, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise GoMissing(f"go {arguments[0]} fails in {folder}: {' '.join(done.stderr.split())[-500:]}")
    return done.stdout
