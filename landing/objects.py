"""Put files where an object store would get them from others: each appears whole, and is left alone if it is
there already."""

from __future__ import annotations

import filecmp
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from landing.landing_file import check_folder, reading

ORDERS_SAMPLE = "sales_data_sample.csv"


def files_for(place: str, folder: Path | None) -> dict[str, Path]:
    """The files of a landing folder that belong to `orders` or `charges`, by their names there: what lies in
    the folder of that name, and for the orders the public sample.

    Raises `LandingError` for a landing folder that is none.
    """
    if folder is None:
        return {}
    check_folder(folder)
    inside = folder / place
    found = {str(each.relative_to(inside)): each for each in sorted(inside.rglob("*")) if each.is_file()}
    sample = folder / ORDERS_SAMPLE
    return {**found, ORDERS_SAMPLE: sample} if place == "orders" and sample.is_file() else found


def put(files: Iterable[tuple[str, Path]], target: Path) -> int:
    """Copy files into a folder under their names, with their times; returns how many were not there yet, or
    had another content. Raises `LandingError` for one that cannot be read."""
    written = 0
    for name, path in files:
        there = target / name
        with reading(path):
            if there.is_file() and filecmp.cmp(path, there, shallow=False):
                continue
            there.parent.mkdir(parents=True, exist_ok=True)
            beside = there.with_name(f".{there.name}.{os.getpid()}")
            shutil.copy2(path, beside)
            beside.replace(there)
            written += 1
    return written


def lines_in(path: Path) -> int:
    """The lines of a CSV file without its header; no lines of anything else."""
    if path.suffix != ".csv":
        return 0
    with reading(path), path.open("rb") as file:
        lines = sum(piece.count(b"\n") for piece in iter(lambda: file.read(1 << 20), b""))
    return max(0, lines - 1)
