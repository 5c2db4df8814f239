"""PostgreSQL: staging in front of every warehouse, and production on it."""
