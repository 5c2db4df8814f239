"""Files as they really are: every record becomes a row, or is rejected by line number and reason."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from landing.csv_reader import CsvReader, Row
from landing.files import CUSTOMERS, DIM_CATEGORY, INVENTORY, OLTPDATA
from landing.result import LandingError
from landing.spec import FileSpec

Rejected = list[tuple[int, str, str]]
HEADER = b"customer_id,first_name,last_name,email,city,country\n"


def read(spec: FileSpec, folder: Path, content: bytes) -> tuple[list[tuple[int, Row]], Rejected]:
    path = folder / spec.name
    path.write_bytes(content)
    reader = CsvReader(spec, path)
    rejected: Rejected = []
    rows = [(line.number, line.content) for line in reader.rows(lambda *line: rejected.append(line))]
    assert len(rows) + len(rejected) == reader.lines
    return rows, rejected


def test_a_mark_crlf_blanks_and_a_missing_last_line_end_do_not_matter(tmp_path: Path) -> None:
    content = b"\xef\xbb\xbf Product_ID ,QUANTITY,reorder_level\r\n 1 ,2, 3\r\n\r\n4,\t5 ,6"
    rows, rejected = read(INVENTORY, tmp_path, content)
    assert rows == [(2, (1, 2, 3)), (4, (4, 5, 6))]
    assert rejected == []


def test_columns_are_found_by_name_and_further_ones_are_reported(tmp_path: Path) -> None:
    path = tmp_path / INVENTORY.name
    path.write_bytes(b"shelf,reorder_level,product_id,quantity\nA1,3,1,2\n")
    reader = CsvReader(INVENTORY, path)
    assert [line.content for line in reader.rows(print)] == [(1, 2, 3)]
    assert reader.ignored_columns == ("shelf",)


def test_quotes_hold_commas_quotes_line_breaks_and_blanks_around_them(tmp_path: Path) -> None:
    content = HEADER + b'1, "Ann ""A""" ,"O\'Hara, Jr",a@x.org,"New\r\nYork",NA\n2,B,C,d,e,f\n'
    rows, rejected = read(CUSTOMERS, tmp_path, content)
    assert rows == [
        (2, (1, 'Ann "A"', "O'Hara, Jr", "a@x.org", "New\r\nYork", "NA")),
        (4, (2, "B", "C", "d", "e", "f")),
    ]
    assert rejected == []


def test_a_quote_that_is_not_closed_costs_its_own_line_only(tmp_path: Path) -> None:
    content = HEADER + b'1,"Ann,B,c,d,e\n2,"Bob",B,c,d,e\n3,Cy,B,c,d,e\n4,"Di,B,c,d,e\n'
    rows, rejected = read(CUSTOMERS, tmp_path, content)
    assert [row[0] for _, row in rows] == [2, 3]
    assert rejected == [
        (2, '1,"Ann,B,c,d,e', "a quote is opened and not closed"),
        (5, '4,"Di,B,c,d,e', "a quote is opened and not closed"),
    ]


def test_an_empty_value_is_null_where_it_may_be_and_rejected_where_not(tmp_path: Path) -> None:
    rows, rejected = read(CUSTOMERS, tmp_path, HEADER + b"1,,,,, \n,Ann,,,,\n")
    assert rows == [(2, (1, None, None, None, None, None))]
    assert rejected == [(3, ",Ann,,,,", "customer_id: it is empty")]


def test_a_line_with_too_few_or_too_many_values_is_rejected(tmp_path: Path) -> None:
    content = b"1,2,3.50,4,2020-09-05 16:20:03\n1,2,3\n1,2,3,4,2020-09-05 16:20:03,\n"
    rows, rejected = read(OLTPDATA, tmp_path, content)
    assert [row[2] for _, row in rows] == [Decimal("3.50")]
    assert [(number, reason) for number, _, reason in rejected] == [
        (2, "has 3 values where 5 are expected"),
        (3, "has 6 values where 5 are expected"),
    ]


def test_bytes_that_are_not_of_the_encoding_and_nuls_are_rejected_and_shown(tmp_path: Path) -> None:
    content = HEADER + "1,Zoë,,,,\n".encode() + b"2,Zo\xeb,,,,\n3,Z\x00,,,,\n"
    rows, rejected = read(CUSTOMERS, tmp_path, content)
    assert [row[1] for _, row in rows] == ["Zoë"]
    assert rejected == [
        (3, "2,Zo\\xeb,,,,", "holds byte 0xeb at character 5, which is not utf-8-sig"),
        (4, "3,Z\\x00,,,,", "holds a NUL at character 4"),
    ]


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16", "utf-32", "utf-8", "mac-roman"])
def test_a_declared_encoding_is_read(tmp_path: Path, encoding: str) -> None:
    content = f"{HEADER.decode()}1,Zoë,,,,\n".encode(encoding)
    rows, rejected = read(replace(CUSTOMERS, encoding=encoding), tmp_path, content)
    assert [row[1] for _, row in rows] == ["Zoë"]
    assert rejected == []


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "the file is empty"),
        (b"\xef\xbb\xbf \r\n", "the file is empty"),
        (b"\n" * 10_000, "the file is empty"),
        (b"categoryid,name\n1,Books\n", "lacks column category"),
        (b"1,Books\n", "lacks column categoryid, category"),
        (b"categoryid,category,Category\n1,a,b\n", "names column category twice"),
        (b"categoryid,categ\xe9ory\n", "its header holds byte 0xe9"),
        (b"<!DOCTYPE html><html><body>Not found</body></html>", "a web page"),
        (bytes(range(256)) * 40, "something binary"),
        ("categoryid,category\n1,Books\n".encode("utf-16"), "written in UTF-16; save it as UTF-8: iconv"),
    ],
)
def test_a_file_that_is_something_else_is_refused_by_name(
    tmp_path: Path, content: bytes, complaint: str
) -> None:
    with pytest.raises(LandingError, match=rf"^DimCategory\.csv: .*{complaint}"):
        read(DIM_CATEGORY, tmp_path, content)


def test_a_file_without_header_none_of_whose_lines_fits_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        LandingError, match="not one of its 2 lines holds the 5 columns product_id, customer_id"
    ):
        read(OLTPDATA, tmp_path, b"1;2;3\n4;5;6\n")


def test_a_first_line_that_names_the_columns_is_believed_where_none_is_asked_for(tmp_path: Path) -> None:
    content = (
        b"\xef\xbb\xbfCustomer_ID,product_id, shop ,timestamp,quantity,price\n9,8,x,2020-09-05 16:20:03,7,6\n"
    )
    rows, rejected = read(OLTPDATA, tmp_path, content)
    assert [row[:4] for _, row in rows] == [(8, 9, Decimal("6.00"), 7)]
    assert rejected == []


@pytest.mark.parametrize(
    ("first", "complaint"),
    [
        ("customer_id,product_id,price,quantity,time", "lacks column timestamp"),
        ("kunde,produkt,preis,menge,zeit", "lacks column product_id"),
        ("product_id;customer_id;price;quantity;timestamp", "separated by ';'"),
        ("1\t2\t3\t4\t2020-09-05 16:20:03", "separated by '\\\\t'"),
    ],
)
def test_a_first_line_that_is_another_header_is_refused(tmp_path: Path, first: str, complaint: str) -> None:
    with pytest.raises(LandingError, match=complaint):
        read(OLTPDATA, tmp_path, f"{first}\n".encode())


def test_semicolons_between_the_columns_of_a_header_are_named(tmp_path: Path) -> None:
    with pytest.raises(LandingError, match="separated by ';'; save it with commas"):
        read(INVENTORY, tmp_path, b'"Product_ID";"quantity";reorder_level\n1;2;3\n')


@pytest.mark.parametrize("lines", [2, 500])
def test_two_stray_quotes_do_not_take_the_good_lines_between_them(tmp_path: Path, lines: int) -> None:
    good = [f"{number},A,B,c,d,e" for number in range(lines)]
    content = [*good[:1], '7000,"A,B,c,d,e', *good[1:], '7001,A,B",c,d,e', ""]
    rows, rejected = read(CUSTOMERS, tmp_path, HEADER + "\n".join(content).encode())
    assert [row[0] for _, row in rows] == [*range(lines), 7001]
    assert rejected == [(3, '7000,"A,B,c,d,e', "a quote is opened and not closed")]


def test_a_header_alone_is_a_file_of_no_rows(tmp_path: Path) -> None:
    assert read(CUSTOMERS, tmp_path, HEADER) == ([], [])


@given(content=st.lists(st.sampled_from([b'"', b",", b"\n", b"\r\n", b"1", b"x", b" ", b"\xff"])))
def test_whatever_the_bytes_no_line_is_lost(
    tmp_path_factory: pytest.TempPathFactory, content: list[bytes]
) -> None:
    body = b"".join(content)
    folder = tmp_path_factory.mktemp("files")
    rows, rejected = read(DIM_CATEGORY, folder, b"categoryid,category\n" + body)
    numbers = [number for number, _ in rows] + [number for number, _, _ in rejected]
    assert len(set(numbers)) == len(numbers)
    lines = body.replace(b"\r\n", b"\n").split(b"\n")
    filled = {number for number, line in enumerate(lines, 2) if line.strip()}
    # A line is a record of its own, or inside the quotes of one that began before it.
    assert set(numbers) <= filled
    if b'"' not in body:
        assert set(numbers) == filled
