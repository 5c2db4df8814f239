"""The files that people ask for: written whole (`storing`), documents as CSV (`documents`), reports as a
workbook (`workbook`), a dump of a table (`dump`). Knows no Dagster."""
