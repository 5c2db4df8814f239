"""The works that are measured, a module each; `ALL` in the order in which they run."""

from __future__ import annotations

from benchmarks.workloads.base import Workload
from benchmarks.workloads.delta import Delta, Replay
from benchmarks.workloads.document_log import DocumentLog
from benchmarks.workloads.documents import Documents
from benchmarks.workloads.first_load import FirstLoad
from benchmarks.workloads.idle import Idle
from benchmarks.workloads.log import Log
from benchmarks.workloads.unchanged import Unchanged

ALL: tuple[type[Workload], ...] = (FirstLoad, Unchanged, Delta, Replay, Log, Documents, DocumentLog, Idle)
