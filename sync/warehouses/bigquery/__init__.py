"""Production in BigQuery: rows come by load jobs, the changes of a pass by one script, which is one job."""
