"""`python -m sync`: move tables without Dagster."""

from sync.cli.main import main

if __name__ == "__main__":
    main(prog_name="python -m sync")
