"""The lake: Delta tables on a disk, on S3 or in HDFS that hold all of the platform's data. Knows no Dagster.

`location` is where the lake is, `spec` what a table of it is, `delta` how tables are opened and committed.
`fill` brings a table up to its table in staging, `maintenance` compacts and cleans up. `spark` reads a
snapshot in Spark, `results` hands what Spark found to the engine, and `search` is the analysis of search
terms.
"""
