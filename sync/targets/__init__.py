"""One module a system that rows are written to."""
