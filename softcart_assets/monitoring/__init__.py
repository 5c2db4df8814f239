"""What people are told of the platform while it runs: metrics for Prometheus, and alerts.

- `metrics`: the endpoint; what it says of tables without Dagster is `sync/metrics.py`
- `alerts`, `problems`, `notices`: who is told what, when something fails and when it is over
"""
