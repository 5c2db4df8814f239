"""Staging's star and reports into the production warehouse: one snapshot there, one transaction here."""

from sync.mirror.engine import MirrorResult, TableResult, mirror
from sync.mirror.form import TableName
from sync.mirror.views import View, ViewResult

__all__ = ["MirrorResult", "TableName", "TableResult", "View", "ViewResult", "mirror"]
