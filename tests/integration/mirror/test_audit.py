"""What the mirror writes is read back before anybody sees it; a URL that names no warehouse is refused."""

from __future__ import annotations

import pytest

from sync.errors import SyncError
from sync.systems import open_warehouse
from tests.integration.mirror.small_star import SmallStar

SPOIL = """
CREATE FUNCTION star.spoil() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {} END $$;
CREATE TRIGGER spoil BEFORE {} ON star.fact_sales FOR EACH ROW EXECUTE FUNCTION star.spoil();
"""


@pytest.mark.parametrize(
    ("event", "deed", "said"),
    [
        ("UPDATE", "NEW.amount := 0; RETURN NEW;", "1 of the rows that were written are not as staging has"),
        ("INSERT", "RETURN NULL;", "1 of the rows that were written are not as staging has them"),
        ("DELETE", "RETURN NULL;", "1 of the rows that were written are not as staging has them"),
    ],
)
def test_rows_that_production_does_not_take_as_they_are_leave_it_as_it_was(
    star: SmallStar, event: str, deed: str, said: str
) -> None:
    star.mirror()
    before = star.versions()
    with star.production.cursor() as cursor:
        cursor.execute(SPOIL.format(deed, event))
    star.change(
        """
        UPDATE star.dim_country SET country = country || '!', _batch = {batch};
        UPDATE star.fact_sales SET amount = 7, _batch = {batch} WHERE sale_key = 's1';
        UPDATE star.fact_sales SET _deleted = true, _batch = {batch} WHERE sale_key = 's2';
        INSERT INTO star.fact_sales VALUES ('s101', 1, 'c1', 1, 1, now(), {batch});
        """
    )
    with pytest.raises(SyncError, match=rf"production, star\.fact_sales: {said}"):
        star.mirror()
    assert star.versions() == before
    with star.production.cursor() as cursor:
        cursor.execute("DROP FUNCTION star.spoil CASCADE")
    star.mirror()
    assert star.tables_are_equal()


def test_rows_that_a_first_load_loses_are_counted(star: SmallStar) -> None:
    star.mirror()
    with star.production.cursor() as cursor:
        cursor.execute(SPOIL.format("IF NEW.sale_key = 's3' THEN RETURN NULL; END IF; RETURN NEW;", "INSERT"))
        cursor.execute("ALTER TABLE star.fact_sales DROP CONSTRAINT fact_sales_pkey")
    with pytest.raises(SyncError, match=r"it would have 99 rows, and 100 came"):
        star.mirror()
    assert star.rows("SELECT count(*) FROM star.fact_sales") == [(100,)]


@pytest.mark.parametrize("scheme", ["mysql", "oracle", "mongodb+srv"])
def test_a_scheme_that_no_warehouse_has_is_refused_by_name(scheme: str) -> None:
    with pytest.raises(SyncError, match=rf"{scheme.split('+')[0]}:// is no production warehouse"):
        open_warehouse(f"{scheme}://user:secret@localhost/production")
