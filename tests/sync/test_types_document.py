"""docs/types.md says what the code does, for every type and no other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sync.sources.mongodb.bson_text import document_json
from sync.sources.mongodb.bson_types import MisfitError, column_types, converter
from sync.sources.mysql import types as mysql_types
from sync.sources.mysql.catalog import SourceColumn
from sync.sources.postgresql import types as postgresql_types
from sync.types import parse_type
from sync.warehouses.bigquery import types as bigquery_types
from sync.warehouses.db2 import types as db2_types
from sync.warehouses.schema import ColumnSchema, TableName
from sync.warehouses.snowflake import types as snowflake_types
from tests.sync.bson_samples import SAMPLES

DOCUMENT = Path(__file__).parents[2] / "docs" / "types.md"
ANYTHING = {"json", "jsonb"}
MODIFIERS = {"p": "12", "s": "3", "f": "6", "n": "9"}


def rows_of(section: str) -> list[list[str]]:
    """The rows of a section's table, without its head."""
    text = DOCUMENT.read_text().split(f"## {section}\n", 1)[1].split("\n## ")[0]
    rows = [line[1:-1].split("|") for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in row] for row in rows[2:]]


def named(cell: str) -> list[str]:
    """What stands in backticks in a cell."""
    return re.findall(r"`([^`]+)`", cell)


def filled(type_: str) -> str:
    """A type with numbers for the letters that stand for its modifiers."""
    return re.sub(r"\b[psfn]\b", lambda letter: MODIFIERS[letter[0]], type_)


def mysql_column(type_: str) -> SourceColumn:
    base = re.match(r"\w+", type_)
    numbers = [int(number) for number in re.findall(r"\d+", type_.partition("(")[2])]
    assert base
    is_fraction = base[0] in mysql_types.TEMPORAL
    precision, scale = [*([None] if is_fraction else []), *numbers, None, None][:2]
    return SourceColumn("c", base[0], type_, True, "", "utf8mb4", precision, scale)


@pytest.mark.parametrize("row", rows_of("MySQL and MariaDB"), ids=lambda row: row[0])
def test_a_type_of_mysql_becomes_what_is_written(row: list[str]) -> None:
    (source,), (target,) = named(row[0]), named(row[1])
    assert mysql_types.natural_type(mysql_column(filled(source))) == filled(target)


def test_every_type_of_mysql_is_written_down() -> None:
    written = [re.split(r"\W", named(row[0])[0])[0] for row in rows_of("MySQL and MariaDB")]
    assert set(written) == set(mysql_types.KINDS)


@pytest.mark.parametrize("row", rows_of("MongoDB"), ids=lambda row: row[0])
def test_a_type_of_bson_becomes_what_is_written(row: list[str]) -> None:
    (name,), columns, (form,) = named(row[0]), named(row[1]), named(row[2])
    sample = SAMPLES[name]

    def fits(type_: str) -> bool:
        try:
            converter("character(24)" if type_ == "character" else type_)(sample)
        except MisfitError:
            return False
        return True

    if sample is not None:  # null is NULL in a column of any type
        assert {type_ for type_ in column_types() if fits(type_)} == {*columns, *ANYTHING}
    assert document_json(sample).decode() == form


def test_every_type_of_bson_and_of_its_columns_is_written_down() -> None:
    rows = rows_of("MongoDB")
    assert sorted(named(row[0])[0] for row in rows) == sorted(SAMPLES)
    assert {name for row in rows for name in named(row[1])} | ANYTHING == set(column_types())


def test_a_type_of_postgresql_becomes_what_is_written() -> None:
    written = {
        source: None if row[1] == "itself" else named(row[1])[0]
        for row in rows_of("PostgreSQL")
        for source in named(row[0])
    }
    assert written == postgresql_types.NATURAL


WAREHOUSES = {
    "BigQuery": bigquery_types.TYPES,
    "IBM Db2": db2_types.TYPES,
    "Snowflake": snowflake_types.TYPES,
}
BECOMES = [
    (system, source, named(row[1])[0])
    for system in WAREHOUSES
    for row in rows_of(system)
    for source in named(row[0])
]


@pytest.mark.parametrize(("system", "source", "native"), BECOMES)
def test_a_type_becomes_what_the_document_says_in_a_warehouse(system: str, source: str, native: str) -> None:
    expected = filled(native.replace("(4n ", f"({4 * int(MODIFIERS['n'])} "))
    column = ColumnSchema("c", filled(source), True, False, None)
    assert WAREHOUSES[system].native_type(TableName("star", "t"), column) == expected


@pytest.mark.parametrize("system", WAREHOUSES)
def test_every_type_of_a_warehouse_is_in_the_document(system: str) -> None:
    written = {parse_type(filled(source)).base for name, source, _ in BECOMES if name == system}
    assert written == set(WAREHOUSES[system].native)
