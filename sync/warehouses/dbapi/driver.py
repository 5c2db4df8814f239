"""Drivers that not every installation has."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from sync.errors import SyncError


def load_driver(module: str, system: str, extra: str) -> Any:
    """A driver's module, imported when it is first needed. `extra` is the project's that brings it.

    Raises `SyncError` with the command that installs it.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise SyncError(
            f"{system} is reached by the Python package {module}, which cannot be imported ({error});"
            f" install it with: .softcart/venv/bin/python -m pip install '.[{extra}]'"
        ) from error
