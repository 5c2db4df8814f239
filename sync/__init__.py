"""Move rows from a shop's databases into its warehouse: exact, incremental, crash-proof. Knows no Dagster."""
