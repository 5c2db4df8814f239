"""The dbt project in `sql/` as assets: what it holds, running it, and the ERD of its star."""
