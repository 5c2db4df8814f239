"""How to reach each system: connection settings as thin Dagster resources, no logic."""
