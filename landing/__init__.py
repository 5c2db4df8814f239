"""Put landing files into the shop's databases and staging, idempotently. Knows no Dagster."""
