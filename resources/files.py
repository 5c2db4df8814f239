"""Files and buckets: where order lines and charges arrive, and how their files are read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import dagster as dg
from pydantic import Field

from sync.sources.files.layout import Format, Layout
from sync.sources.files.source import FileSource, Place

# The columns that a public sample of order lines has, and ours beside them.
UNDATED = frozenset({"UPDATED_AT"})
LAYOUTS = {
    "orders": (
        Layout(
            "*sales_data_sample.csv",
            encoding="cp1252",
            optional=UNDATED,
            times={"ordered_at": "%m/%d/%Y %H:%M"},
        ),
        Layout("*.csv", optional=UNDATED),
        Layout("*.csv.gz", optional=UNDATED),
        Layout("*.jsonl", Format.JSON_LINES),
        Layout("*.parquet", Format.PARQUET, optional=UNDATED),
    ),
    "charges": (
        Layout("*.csv"),
        Layout("*.csv.gz"),
        Layout("*.jsonl", Format.JSON_LINES),
        Layout("*.parquet", Format.PARQUET),
    ),
}


class FilesResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The places where files arrive. One that is not set is a folder of the platform's own, made when it is
    first looked at."""

    orders: str | None = Field(
        default=None, description="a folder, s3://…, gs://… or https://… of order lines"
    )
    charges: str | None = Field(default=None, description="a folder, s3://…, gs://… or https://… of charges")
    own: str = Field(description="folder that has those that are not set")

    def place(self, name: str) -> str:
        """Where `orders` or `charges` arrive."""
        if named := {"orders": self.orders, "charges": self.charges}[name]:
            return named
        folder = Path(self.own) / name
        folder.mkdir(parents=True, exist_ok=True)
        return str(folder)

    @contextmanager
    def source(self) -> Iterator[FileSource]:
        """The places as rows are read from them. Raises `SyncError` when one is asked that is none."""
        places = {name: Place(self.place(name), layouts) for name, layouts in LAYOUTS.items()}
        with closing(FileSource(places)) as source:
            yield source
