"""What is Db2's alone: other forms of values, its bounded log, its names."""

from __future__ import annotations

from typing import Any

import pandas
import pytest

from resources.db2 import Db2Resource
from sync.errors import SyncError, TransientError
from sync.warehouses.changes import LoadMode
from sync.warehouses.db2.dialect import Db2Dialect
from sync.warehouses.schema import TableName
from tests.conformance.shop import COUNTRY, CUSTOMER, DELTA, FACT, Shop, counts, of

TABLE = TableName("star", "measured")

pytestmark = pytest.mark.parametrize("kit", ["db2"], indirect=True)


def test_a_numeric_without_a_scale_is_equal_whatever_zeros_it_ends_in(bare: Shop) -> None:
    bare.change(
        """
        CREATE TABLE star.measured (id bigint PRIMARY KEY, size numeric, _batch bigint, _deleted boolean);
        INSERT INTO star.measured VALUES (1, 11.60, {batch}, false), (2, -0.5, {batch}, false),
            (3, 42, {batch}, false), (4, NULL, {batch}, false), (5, 1.1234567890123, {batch}, false);
        """
    )
    (result,) = bare.mirror([TABLE]).tables
    assert (result.rows, result.rejected) == (4, 1)
    assert bare.wrong([TABLE]) == []
    bare.kit.execute(f'UPDATE {bare.kit.table(TABLE)} SET "size" = 11.61 WHERE "id" = 1')
    assert "id=1 differs" in bare.wrong([TABLE])[0]


def test_a_delta_that_the_log_cannot_hold_is_refused_before_it_is_written(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = shop.kit.table(TableName("star", "log_left"))
    monkeypatch.setattr(Db2Dialect, "log_view", log)
    shop.kit.execute("CREATE SCHEMA STAR")
    shop.kit.execute(f"CREATE TABLE {log} (TOTAL_LOG_AVAILABLE_KB BIGINT)")
    shop.kit.execute(f"INSERT INTO {log} VALUES (1)")
    shop.mirror()  # a first load commits in portions
    before = shop.actual()
    shop.change(DELTA)
    with pytest.raises(SyncError, match=r"star\.\w+: \d rows change in one unit of work.*LOGPRIMARY") as told:
        shop.mirror()
    assert not isinstance(told.value, TransientError)
    assert shop.actual() == before
    shop.kit.execute(f"UPDATE {log} SET TOTAL_LOG_AVAILABLE_KB = 1000")
    assert counts(shop.mirror(), FACT) == (1, 5, 1)
    shop.change(DELTA)
    shop.kit.execute(f"UPDATE {log} SET TOTAL_LOG_AVAILABLE_KB = NULL")  # as of a log without an end
    shop.mirror()
    assert shop.is_equal()
    # The way out that the refusal names.
    shop.kit.execute(f"UPDATE {log} SET TOTAL_LOG_AVAILABLE_KB = 1")
    shop.kit.execute(f"DROP TABLE {shop.kit.table(FACT)}")
    shop.change("UPDATE star.fact_sales SET amount = 7, _batch = {batch}")
    assert of(shop.mirror(), FACT).mode is LoadMode.LOAD
    assert shop.is_equal()


@pytest.mark.parametrize(
    ("type_", "values", "held"),
    [
        ("varchar(9)", ["a", "a ", " ", " a"], {"a", " a"}),  # which Db2 takes for three keys
        ("double precision", ["1", "NaN"], {"1"}),
    ],
)
def test_a_key_that_db2_cannot_tell_from_another_waits_in_quarantine(
    bare: Shop, type_: str, values: list[str], held: set[str]
) -> None:
    bare.change(
        f"CREATE TABLE star.measured (id {type_} PRIMARY KEY, size bigint, _batch bigint, _deleted boolean)"
    )
    for value in values:
        bare.change(f"INSERT INTO star.measured VALUES ('{value}', 1, {{batch}}, false)")
    (result,) = bare.mirror([TABLE]).tables
    assert (result.rows, result.rejected) == (len(held), len(values) - len(held))
    assert {row[0] for row in bare.actual([TABLE])[TABLE]} == held
    assert bare.wrong([TABLE]) == []
    bare.change("UPDATE star.measured SET size = 2, _batch = {batch}")
    (result,) = bare.mirror([TABLE]).tables
    assert (result.updated, result.rejected) == (len(held), len(values) - len(held))
    assert bare.wrong([TABLE]) == []


def test_a_name_that_db2_would_take_for_another_is_refused(bare: Shop) -> None:
    bare.change(
        'CREATE TABLE star.measured (id bigint PRIMARY KEY, "ID" bigint, _batch bigint, _deleted boolean)'
    )
    with pytest.raises(SyncError, match="ID: names in small letters are kept in capitals on Db2"):
        bare.mirror([TABLE])


def test_rows_that_the_server_alone_refuses_are_found_among_their_neighbours(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.mirror()
    create_table = Db2Dialect.create_table

    def checked(self: Db2Dialect, table: str, *arguments: Any, **options: Any) -> str:
        made = create_table(self, table, *arguments, **options)
        return made.replace('"EMAIL" ', """CHECK ("EMAIL" <> '7@example.org'), "EMAIL" """)

    with monkeypatch.context() as patched:
        patched.setattr(Db2Dialect, "create_table", checked)
        shop.change(
            """
            UPDATE star.dim_customer SET weight = weight + 1, _batch = {batch};
            INSERT INTO star.dim_customer
                VALUES ('n1', 11, '7@example.org', NULL, '2024-05-01 00:00+00', 0, true, {batch});
            INSERT INTO star.fact_sales VALUES ('late', 1, 'n1', 1, NULL, {batch});
            """
        )
        result = shop.mirror()
    assert (counts(result, CUSTOMER), of(result, CUSTOMER).rejected) == ((0, 9, 0), 2)
    assert (counts(result, FACT), of(result, FACT).rejected) == ((0, 0, 0), 1)  # it refers to one of them
    reasons = dict(shop.kit.rows('SELECT "key", "reason" FROM "quarantine"."rejected_rows"'))
    assert "SQLSTATE=23" in reasons['["c7"]']
    assert shop.wrong() == []
    shop.change("UPDATE star.dim_country SET country = 'X', _batch = {batch} WHERE country_key = 1")
    assert (counts(shop.mirror(), CUSTOMER), shop.is_equal()) == ((1, 1, 0), True)


def test_assets_of_ones_own_read_it_with_pandas(shop: Shop) -> None:
    shop.mirror()
    with Db2Resource(url=shop.kit.url).engine() as engine:
        read = pandas.read_sql(f"SELECT * FROM {shop.kit.table(COUNTRY)}", engine)
    assert sorted(read["country"]) == [f"Country {number}" for number in range(1, 5)]
