"""Keep a table of the lake in good order: few files of a sensible size, and none that nobody needs."""

from __future__ import annotations

from dataclasses import dataclass

from lake.delta import FILE_BYTES, KEPT_HOURS, lake_errors, open_table
from lake.location import Location


@dataclass(frozen=True)
class Maintained:
    """Files that became fewer larger ones, and files that were removed."""

    compacted: int
    removed: int


def maintain(location: Location, folder: str, kept_hours: int = KEPT_HOURS) -> Maintained | None:
    """Compact a table and remove what no version of the last `kept_hours` needs; None where there is none.

    A reader has its snapshot's files for so long at least, and so has a writer that has not committed yet. By
    default delta-rs removes the files that the log knows of, which leaves those of killed writers.
    """
    table = open_table(location, folder)
    if table is None:
        return None
    with lake_errors(table.table_uri):
        metrics = table.optimize.compact(target_size=FILE_BYTES)
        table.create_checkpoint()
        removed = table.vacuum(retention_hours=kept_hours, dry_run=False, full=True)
        table.cleanup_metadata()
    return Maintained(int(metrics["numFilesRemoved"]), len(removed))
