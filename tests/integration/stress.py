"""How long the tests go on that wait for rare races, and what has to hold of a change log after them.

``SOFTCART_STRESS=long`` asks for the full length: a thousand batches, and ninety seconds of writing.
"""

from __future__ import annotations

import os

LONG = os.environ.get("SOFTCART_STRESS") == "long"
BATCHES = 1000 if LONG else 100
SECONDS = 90 if LONG else 8  # on a slow machine longer: until there are more batches than the fewest
FEWEST_BATCHES = 10

# A key's versions only grow, and none is there twice in a row. `{key}` and `{table}` are filled in.
BACKWARD = """
    SELECT {key}, version, before FROM (
        SELECT *, max(version) OVER (
            PARTITION BY {key} ORDER BY _changed_at ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS before FROM history.{table} WHERE NOT _deleted
    ) AS log WHERE version < before
"""
REPEATED = """
    SELECT {key}, version FROM (
        SELECT *, lag(version) OVER one AS before, lag(_deleted) OVER one AS gone
        FROM history.{table} WINDOW one AS (PARTITION BY {key} ORDER BY _changed_at)
    ) AS log WHERE version = before AND _deleted = gone
"""
