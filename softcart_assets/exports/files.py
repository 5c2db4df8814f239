"""Where exports go, and what each shows of itself."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

GROUP = "exports"


def exports_folder() -> Path:
    """SOFTCART_EXPORTS, or `exports` in the working folder."""
    return Path(os.environ.get("SOFTCART_EXPORTS") or "exports")


def file_metadata(path: Path) -> dict[str, Any]:
    """Place, size and hash of a file."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"dagster/uri": path.resolve().as_uri(), "bytes": path.stat().st_size, "sha256": digest}
