"""What tells one history, or one forecast, from another."""

from __future__ import annotations

import hashlib
import json

from forecast.series import History


def fingerprint(history: History, *further: str) -> str:
    """SHA-256 of the cleaned history, to the cent, and of what else a result depends on."""
    panel = history.panel
    content = [panel.first, panel.names, panel.values.round(2).tolist(), history.notes, further]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()
