"""``make snowflake-setup``: the SQL that a person with the rights runs once in Snowflake, to standard output.

Its names come from SOFTCART_SNOWFLAKE_* variables, the bucket from SOFTCART_STAGE.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from string import Template

FOLDER = Path(__file__).parents[1] / "sql" / "snowflake" / "setup"
PARTS = ("1_rights", "2_storage", "3_tables", "4_pipe")
STATEMENTS = ("items", "invoices")
# By name in the templates: the variable, and what it is where nobody sets it.
SETTINGS = {
    "user": ("SOFTCART_SNOWFLAKE_USER", "SOFTCART"),
    "loader": ("SOFTCART_SNOWFLAKE_ROLE", "SOFTCART_LOADER"),
    "warehouse": ("SOFTCART_SNOWFLAKE_WAREHOUSE", "SOFTCART_WH"),
    "database": ("SOFTCART_SNOWFLAKE_DATABASE", "SOFTCART"),
    "integration": ("SOFTCART_SNOWFLAKE_INTEGRATION", "SOFTCART_S3"),
    "encoding": ("SOFTCART_SNOWFLAKE_ENCODING", "ISO-8859-1"),
    "aws_role": ("SOFTCART_SNOWFLAKE_AWS_ROLE", "arn:aws:iam::000000000000:role/softcart-snowflake"),
    "bucket": ("SOFTCART_STAGE", "s3://softcart-stage"),
}
NAMES = {"user", "loader", "warehouse", "database", "integration"}


def render(environment: Mapping[str, str]) -> str:
    """The whole script.

    Raises:
        ValueError: a setting cannot stand in SQL, or the bucket is none; names the variable.
    """
    values = {name: environment.get(variable) or default for name, (variable, default) in SETTINGS.items()}
    for name, value in values.items():
        pattern = r"[A-Za-z_][A-Za-z0-9_$]*" if name in NAMES else r"[A-Za-z0-9_:/.+-]+"
        if not re.fullmatch(pattern, value) or (name == "bucket" and not value.startswith("s3://")):
            wanted = "a bucket, s3://…" if name == "bucket" else "a name without quotes and blanks"
            raise ValueError(f"{SETTINGS[name][0]} is {value!r}: give {wanted}")
    values["bucket"] = values["bucket"].rstrip("/")
    values |= {name: (FOLDER / f"{name}.sql").read_text().strip() for name in STATEMENTS}
    return "\n".join(Template((FOLDER / f"{part}.sql").read_text()).substitute(values) for part in PARTS)


def main() -> int:
    try:
        sys.stdout.write(render(os.environ))
    except ValueError as error:
        sys.stderr.write(f"Error: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
