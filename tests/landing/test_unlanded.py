"""Files whose names say that they should be landed, and that nothing lands."""

from pathlib import Path

from landing.unlanded import unlanded


def test_files_of_another_case_and_links_that_lead_nowhere_are_named(tmp_path: Path) -> None:
    for name in ("OLTPDATA.CSV", "customers.csv", "notes.txt"):
        (tmp_path / name).touch()
    (tmp_path / "sales.sql").symlink_to("gone.sql")
    (tmp_path / "inventory.csv").symlink_to("customers.csv")
    assert unlanded(tmp_path) == [
        "OLTPDATA.CSV is not landed: the file's name is oltpdata.csv, rename it",
        "sales.sql is not landed: it is a link to gone.sql, which does not exist",
    ]


def test_a_folder_that_is_missing_has_none(tmp_path: Path) -> None:
    assert unlanded(tmp_path / "nowhere") == unlanded(None) == []
