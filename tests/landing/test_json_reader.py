"""Catalog files: each document as BSON can hold it, or rejected by line number and reason."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from bson import Decimal128, ObjectId

from landing.json_reader import JsonReader
from landing.result import LandingError


def read(folder: Path, content: str | bytes) -> tuple[list[tuple[int, Any]], list[tuple[int, str]]]:
    path = folder / "catalog.json"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    reader = JsonReader(path)
    rejected: list[tuple[int, str]] = []
    rows = [
        (line.number, line.content)
        for line in reader.rows(lambda number, raw, reason: rejected.append((number, reason)))
    ]
    assert len(rows) + len(rejected) == reader.lines
    return rows, rejected


def test_whole_numbers_stay_whole_and_prices_keep_their_digits(tmp_path: Path) -> None:
    [(_, document)], _ = read(tmp_path, '{"screen size": 6, "zoom": 6.0, "price": 12.50, "sizes": [1, 2.0]}')
    assert document == {"screen size": 6, "zoom": 6.0, "price": Decimal128("12.50"), "sizes": [1, 2.0]}
    assert [type(document[name]) for name in ("screen size", "zoom")] == [int, float]


def test_extended_json_is_understood(tmp_path: Path) -> None:
    [(_, document)], _ = read(
        tmp_path,
        '{"_id": {"$oid": "5f2b5b5b5b5b5b5b5b5b5b5b"}, "since": {"$date": "2020-01-02T03:04:05Z"},'
        ' "price": {"$numberDecimal": "9.90"}}',
    )
    assert document == {
        "_id": ObjectId("5f2b5b5b5b5b5b5b5b5b5b5b"),
        "since": datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC),
        "price": Decimal128("9.90"),
    }


def test_a_mark_crlf_blank_lines_and_a_missing_last_line_end_do_not_matter(tmp_path: Path) -> None:
    rows, rejected = read(tmp_path, b'\xef\xbb\xbf{"a": 1}\r\n\r\n  {"a": 2}  \r\n{"a": "NA"}')
    assert rows == [(1, {"a": 1}), (3, {"a": 2}), (4, {"a": "NA"})]
    assert rejected == []


def test_an_array_is_read_with_the_line_of_each_document(tmp_path: Path) -> None:
    rows, rejected = read(tmp_path, '[\n {"a": 1,\n  "b": 2},\n {"a": 3}, {"a": NaN}\n]\n')
    assert rows == [(2, {"a": 1, "b": 2}), (4, {"a": 3})]
    assert rejected == [(4, "holds NaN, which is not JSON")]


@pytest.mark.parametrize(
    "broken", ['{"a": }', '{"a": 1', '{"a": [1}', '{"a": "1}', '{"a": 1]', "{a: 1}", "a"]
)
@pytest.mark.parametrize(
    "layout",
    [
        "[{0}, {1}, {2}]",
        "[{0},\n{1},\n{2}]",
        "[\n  {0},\n  {1},\n  {2}\n]\n",
        "[{0}\n,{1}\n,{2}]",
        "[{1},\n{0},\n{2},\n]",
        "{0}\n{1}\n{2}",
    ],
)
def test_a_broken_document_costs_itself_alone_in_every_layout(
    tmp_path: Path, layout: str, broken: str
) -> None:
    good = ['{"a": {"b": [{"a": 2}, 3]}, "c": "{"}', '{"a": "]}"}']
    rows, rejected = read(tmp_path, layout.format(good[0], broken, good[1]))
    assert [document for _, document in rows] == [{"a": {"b": [{"a": 2}, 3]}, "c": "{"}, {"a": "]}"}]
    assert {number for number, _ in rejected} == {layout[: layout.index("{1}")].count("\n") + 1}


def test_documents_over_several_lines_are_read_with_or_without_an_array(tmp_path: Path) -> None:
    texts = ['{\n  "a": 1,\n  "b": [\n    {\n      "a": 2\n    }\n  ]\n}', '{\n  "a": \n}', '{\n  "a": 3\n}']
    good = [{"a": 1, "b": [{"a": 2}]}, {"a": 3}]
    for content in ("\n".join(texts), f"[{', '.join(texts)}]", "[\n" + ",\n".join(texts) + "\n]"):
        rows, rejected = read(tmp_path, content)
        assert [document for _, document in rows] == good
        assert [reason for _, reason in rejected] == ["is not JSON: Expecting value at character 11"]


def test_a_bracket_that_is_missing_costs_a_document_of_several_lines_alone(tmp_path: Path) -> None:
    texts = [json.dumps({"a": number, "b": {"a": 0}}, indent=2) for number in range(5)]
    texts[1] = texts[1].replace("  }\n", "")
    texts[3] = texts[3].replace('"b"', '"b')
    rows, rejected = read(tmp_path, f"[{','.join(f'{chr(10)}{text}' for text in texts)}]")
    assert [document["a"] for _, document in rows] == [0, 2, 4]
    assert [number for number, _ in rejected] == [8, 19]


def test_thousands_of_broken_documents_are_told_apart(tmp_path: Path) -> None:
    rows, rejected = read(tmp_path, "[" + ",".join(['{"a": 1'] * 5_000) + ',{"a": 2}]')
    assert [document for _, document in rows] == [{"a": 2}]
    assert len(rejected) == 5_000


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"a": 1', "is not JSON: Expecting ',' delimiter at character 8"),
        ('{"a": 1, "a": 2}', "names 'a' twice"),
        ("[1]", "is not a JSON object"),
        ('{"_id": {"$oid": "zz"}}', "holds extended JSON that means nothing"),
        ('{"_id": [1]}', "_id: it is no single value"),
        ('{"a": {"$numberLong": "9223372036854775808"}}', "more than 64 bits"),
        ('{"a": ' + "9" * 5000 + "}", "more than 64 bits"),
        ('{"a": {"$date": {"$numberLong": "x"}}}', "holds extended JSON that means nothing"),
        ('{"a": {"$regularExpression": {"pattern": "\\u0000", "options": ""}}}', "BSON cannot hold it"),
        ('{"a": "\\ud800"}', "BSON cannot hold it"),
        ('{"a": 1e999}', "out of a double's range"),
        ('{"a": 9223372036854775808}', "more than 64 bits"),
        ('{"price": 0.12345678901234567890123456789012345678}', "more digits than a decimal holds"),
        ('{"a": ' + "[" * 100_000 + "]" * 100_000 + "}", "nested too deeply"),
    ],
)
def test_a_line_that_cannot_be_stored_is_rejected_with_the_reason(
    tmp_path: Path, line: str, reason: str
) -> None:
    rows, [(number, said)] = read(tmp_path, f'{{"a": 1}}\n{line}\n{{"a": 2}}\n')
    assert [row for _, row in rows] == [{"a": 1}, {"a": 2}]
    assert number == 2
    assert reason in said


def test_bytes_that_are_not_utf8_are_rejected(tmp_path: Path) -> None:
    rows, rejected = read(tmp_path, b'{"a": "Zo\xeb"}\n{"a": "b"}\n')
    assert rows == [(2, {"a": "b"})]
    assert rejected == [(1, "holds byte 0xeb at character 10, which is not utf-8-sig")]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("", "the file is empty"),
        ("type,model\nphone,x\n", "not one of its 2 lines is a JSON object"),
        ("<html></html>", "a web page"),
        ('[{"a": 1}', "its array does not end where the file ends"),
        ('[{"a": 1},\n{"a": ', "its array does not end where the file ends"),
        ('[{"a": 1}]\n{"a": 2}', "its array does not end where the file ends"),
    ],
)
def test_a_file_that_is_something_else_is_refused_by_name(
    tmp_path: Path, content: str, complaint: str
) -> None:
    with pytest.raises(LandingError, match=rf"^catalog\.json: .*{complaint}"):
        read(tmp_path, content)
