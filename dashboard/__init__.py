"""The dashboard: one HTML file that opens from disk, made from production's views; no Dagster in it.

`panels.py` lists what is shown, `charts.py` draws it as Altair specifications, `page.py` makes the file.
"""

from dashboard.page import Contents, collect, draw
from dashboard.tables import TableStatus

__all__ = ["Contents", "TableStatus", "collect", "draw"]
