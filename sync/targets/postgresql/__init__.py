"""PostgreSQL as a target: the only one that the engine writes to itself."""
