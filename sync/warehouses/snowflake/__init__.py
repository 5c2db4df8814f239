"""Production in Snowflake: rows come as Parquet by way of a stage, DDL commits, keys are not enforced."""
