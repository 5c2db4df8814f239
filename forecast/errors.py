"""What may stand in the way of a forecast, in words for the person who reads the run."""

from __future__ import annotations

from sync.errors import SyncError


class ForecastError(SyncError):
    """A forecast or a model that cannot be had as things are; the message says what to do."""


class HistoryTooShort(ForecastError):
    """The finished months of the history are too few to learn from and to judge by."""


class ModelRefused(ForecastError):
    """A landed model that is not taken in; the message names the member or the value that it fails on."""
