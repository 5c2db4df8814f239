"""Fields of lines, as DuckDB tells them."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.weblog.lines import COMPUTER, PHONE, ROBOT, line
from weblog.devices import device_class
from weblog.parsing import parse_lines

ANDROID = "Mozilla/5.0 (Linux; Android "
CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 "


def parsed(tmp_path: Path, content: str | bytes, first_line: int = 1) -> list[dict[str, Any]]:
    """The lines of all days, as their Parquet files have them."""
    content = content.encode() if isinstance(content, str) else content
    with parse_lines(iter([content]), first_line, tmp_path) as found:
        for day in found.days():
            found.write_day(day, tmp_path / f"{day}.parquet")
    files = f"read_parquet('{tmp_path}/*.parquet', filename = true)"
    relation = duckdb.sql(f"SELECT * FROM {files} ORDER BY line")
    rows = [dict(zip(relation.columns, row, strict=True)) for row in relation.fetchall()]
    return [row | {"day": Path(row["filename"]).stem} for row in rows]


def test_every_field_is_told(tmp_path: Path) -> None:
    text = line(
        "2001:db8::1",
        "31/Dec/2015:23:30:00 -0330",
        "GET /a%20b.html?q=1&x=? HTTP/1.1",
        404,
        "12",
        "http://a/?b",
        PHONE,
    )
    [row] = parsed(tmp_path, text.replace(" - - ", " - Jane Doe "), first_line=8)
    assert row | {"filename": None} == {
        "line": 8, "address": "2001:db8::1", "ident": None, "username": "Jane Doe",
        "time": datetime(2016, 1, 1, 3, 0), "hour": 23, "method": "GET", "path": "/a%20b.html",
        "query": "q=1&x=?",
        "protocol": "HTTP/1.1", "status": 404, "bytes": 12, "referer": "http://a/?b", "agent": PHONE,
        "device": "phone", "malformed": None, "raw": None, "filename": None, "day": "2015-12-31",
    }  # fmt: skip


def test_the_common_format_escaped_quotes_and_further_fields_are_sound(tmp_path: Path) -> None:
    common = line().rpartition(' "-" ')[0] + "\n"
    escaped = line(request='GET /\\"a\\".html HTTP/1.1', agent='a \\"b\\" c')
    longer = line().rstrip("\n") + ' 0.012 "proxy"\n'
    odd = line(request="\\x16\\x03\\x01", status=400, sent="-")
    rows = parsed(tmp_path, common + escaped + longer + odd)
    assert [row["malformed"] for row in rows] == [None] * 4
    assert [row["path"] for row in rows] == ["/index.html", '/\\"a\\".html', "/index.html", None]
    assert [row["agent"] for row in rows][:2] == [None, 'a \\"b\\" c']
    assert [(row["method"], row["bytes"]) for row in rows][3] == (None, 0)


def test_malformed_lines_keep_address_and_day_as_far_as_they_are_sound(tmp_path: Path) -> None:
    cut = line()[:-9] + "\n"
    rows = parsed(
        tmp_path,
        line()
        + "\n"
        + cut
        + line(time="31/Feb/2015:00:00:00 +0000")
        + line("-")
        + "garbage\n"
        + "\x00\xff\n",
    )
    assert [(row["line"], row["address"], row["day"], row["malformed"]) for row in rows] == [
        (1, "198.18.0.1", "2015-05-17", None),
        (3, "198.18.0.1", "2015-05-17", "it is not in the combined or common log format"),
        (4, "198.18.0.1", "unknown", "its time 31/Feb/2015:00:00:00 +0000 is none"),
        (5, None, "2015-05-17", "it does not begin with an address"),
        (6, "garbage", "unknown", "it is not in the combined or common log format"),
        (7, None, "unknown", "it does not begin with an address"),
    ]
    assert rows[1]["raw"] == cut.rstrip("\n")


def test_bytes_that_are_no_text_and_line_ends_of_windows_do_no_harm(tmp_path: Path) -> None:
    latin = line(request="GET /caf\u00e9.html HTTP/1.1").encode("latin-1")
    utf8 = line(request="GET /caf\u00e9.html HTTP/1.1").encode().replace(b"\n", b"\r\n")
    rows = parsed(tmp_path, latin + utf8 + line(agent="a\x01b").encode())
    assert [row["path"] for row in rows] == ["/caf\\xe9.html", "/caf\u00e9.html", "/index.html"]
    assert [row["malformed"] for row in rows] == [None] * 3
    assert rows[2]["agent"] == "a\\x01b"


@pytest.mark.parametrize(
    ("agent", "device"),
    [
        (PHONE, "phone"),
        (COMPUTER, "computer"),
        (ROBOT, "robot"),
        ("-", "unknown"),
        ("curl/8.14.1", "robot"),
        (f"{ANDROID}14; SM-X710) {CHROME}Safari/537.36", "tablet"),
        (f"{ANDROID}15; Pixel 9) {CHROME}Mobile Safari/537.36", "phone"),
        ("Mozilla/5.0 (iPad; CPU OS 17_6 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148", "tablet"),
        (f"{PHONE} (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "robot"),
        ("SAMSUNG-GT-E2232/1.0 Openwave/6.2.3 Profile/MIDP-2.0 Configuration/CLDC-1.1", "phone"),
    ],
)  # fmt: skip
def test_an_agent_tells_its_class_of_device(agent: str, device: str) -> None:
    assert device_class(agent) == device
