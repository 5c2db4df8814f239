"""Workbooks and CSV files: what a reader finds in them."""

from __future__ import annotations

import csv
import zipfile
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from xml.etree import ElementTree

import pytest
from bson.decimal128 import Decimal128
from bson.objectid import ObjectId

from exporting.documents import export_documents
from exporting.dump import rows_in
from exporting.storing import written
from exporting.workbook import Sheet, write_workbook

MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def cells(path: Path, sheet: int = 1) -> dict[str, tuple[str, str]]:
    """Type and text of each cell, read by nothing but the format's own words."""
    with zipfile.ZipFile(path) as package:
        page = ElementTree.fromstring(package.read(f"xl/worksheets/sheet{sheet}.xml"))
    return {
        cell.get("r", ""): (cell.get("t", "n"), "".join(cell.itertext())) for cell in page.iter(f"{MAIN}c")
    }


def test_a_workbook_has_numbers_dates_and_texts_that_are_no_formulas(tmp_path: Path) -> None:
    path = tmp_path / "reports.xlsx"
    rows = [
        (2024, Decimal("1234.50"), date(2024, 2, 29), datetime(2024, 2, 29, 12), True, "=1+1", None),
        (1, Decimal("12345678901234567.89"), date(1800, 1, 1), None, False, "@SUM(A1)", "plain"),
    ]
    columns = ("year", "money", "day", "moment", "flag", "text", "last")
    assert write_workbook([Sheet("report", columns, rows)], path) == {"report": 2}
    found = cells(path)
    assert found["A2"] == ("n", "2024") and found["B2"] == ("n", "1234.5")
    assert found["C2"] == ("n", "45351") and found["D2"] == ("n", "45351.5") and found["E2"] == ("b", "1")
    assert found["F2"] == ("inlineStr", "=1+1") and found["F3"] == ("inlineStr", "@SUM(A1)")
    assert found["B3"] == ("inlineStr", "12345678901234567.89") and found["C3"] == ("inlineStr", "1800-01-01")
    with zipfile.ZipFile(path) as package:
        page = package.read("xl/worksheets/sheet1.xml").decode()
        assert '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/>' in page
        assert "<f>" not in page
        assert 'quotePrefix="1"' in package.read("xl/styles.xml").decode()


def test_a_workbook_is_the_same_bytes_for_the_same_tables_and_its_sheets_have_names_of_their_own(
    tmp_path: Path,
) -> None:
    sheets = [Sheet("a" * 40, ("x",), [(1,)]), Sheet("A" * 40 + "b", ("x",), []), Sheet("b", ("x",), [])]
    for name in ("one", "two"):
        write_workbook(sheets, tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    with zipfile.ZipFile(tmp_path / "one") as package:
        book = ElementTree.fromstring(package.read("xl/workbook.xml"))
    names = [sheet.get("name") for sheet in book.iter(f"{MAIN}sheet")]
    assert names == ["a" * 31, "A" * 27 + " (2)", "b"]


def test_documents_become_real_csv_whatever_their_fields_hold(tmp_path: Path) -> None:
    identity = ObjectId("0123456789abcdef01234567")
    documents = [
        {"_id": identity, "a b": 'say "hi",\nthen', "size": 6, "maker": {"name": "x"}},
        {"_id": 7, "size": 6.0, "a.b": 1.5, "maker": {"name": None}},
        {"_id": "text", "size": Decimal128("6.10"), "a": {"b": [1, {"c": True}]}, "maker": "none"},
    ]
    path = tmp_path / "out.csv"
    assert export_documents(documents, ("_id", "a b", "size", "a.b", "maker.name"), path) == 3
    with path.open(newline="") as file:
        assert list(csv.reader(file)) == [
            ["_id", "a b", "size", "a.b", "maker.name"],
            [str(identity), 'say "hi",\nthen', "6", "", "x"],
            ["int:7", "", "6", "1.5", ""],
            ["text", "", "6.10", '[1,{"c":true}]', ""],
        ]


def test_a_file_appears_whole_or_not_at_all_and_stays_untouched_where_it_is_the_same(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file"
    with written(path) as beside:
        beside.write_text("one")
    stamp = path.stat().st_mtime_ns
    with written(path) as beside:
        beside.write_text("one")
    assert path.stat().st_mtime_ns == stamp
    with pytest.raises(ZeroDivisionError), written(path) as beside:
        beside.write_text("half")
        raise ZeroDivisionError
    assert path.read_text() == "one"
    assert [each.name for each in path.parent.iterdir()] == ["file"]


def test_rows_of_a_dump_are_counted_whatever_its_texts_hold(tmp_path: Path) -> None:
    path = tmp_path / "dump.sql"
    path.write_text(
        "CREATE TABLE `a` (\n  `b` int\n);\n"
        "INSERT INTO `a` VALUES (1,'it''s (2),('),(2,'\\'),('),(3,NOW());\n"
        "INSERT INTO `a` (`b`) VALUES\n(1,'x;'),\n(2,'INSERT INTO `a` VALUES (3)');\n"
    )
    assert rows_in(path) == 5
