"""How fast the sync engine is, beside the raw pipe and the tools that people use for the same job."""
