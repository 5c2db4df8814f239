"""One module a system that rows are read from."""
