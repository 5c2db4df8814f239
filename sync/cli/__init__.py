"""The command line of the sync engine: `python -m sync`. One module a command."""
