"""The archive killed while it is made."""

from __future__ import annotations

import os
import shutil
import tarfile
from pathlib import Path
from typing import Any

from tests.integration.landing.killing import Fuse, killed_again_and_again
from weblog.addresses import archive


def archive_in_process(fuse: Fuse, source: Path, target: Path) -> None:
    """`archive`, killed before, within and after the copy of the member, and around the rename."""
    replace, sync = Path.replace, os.fsync

    def half_copied(file: Any, out: Any, length: int, *_: Any, **_options: Any) -> None:
        out.write(file.read(length // 2))
        out.flush()
        fuse.burn()
        shutil.copyfileobj(file, out)
        fuse.burn()

    def burning_sync(number: int) -> None:
        fuse.burn()
        sync(number)

    def burning_replace(self: Path, to: Path) -> Path:
        fuse.burn()
        moved = replace(self, to)
        fuse.burn()
        return moved

    tarfile.copyfileobj = half_copied  # type: ignore[attr-defined]
    os.fsync = burning_sync  # type: ignore[assignment]
    Path.replace = burning_replace  # type: ignore[method-assign, assignment]
    archive(source, target)


def test_killed_while_it_is_archived_and_run_again_gives_the_same_bytes(tmp_path: Path) -> None:
    source, exports = tmp_path / "transformed_data.txt", tmp_path / "exports"
    source.write_text("198.18.0.1\n" * 50_000)
    archive(source, tmp_path / "never_killed.tar")
    exports.mkdir()
    (exports / "weblog.tar").write_bytes(b"of yesterday")
    assert killed_again_and_again(archive_in_process, source, exports / "weblog.tar") == 5
    assert [path.name for path in exports.iterdir()] == ["weblog.tar"]
    assert (exports / "weblog.tar").read_bytes() == (tmp_path / "never_killed.tar").read_bytes()
