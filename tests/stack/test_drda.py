"""What the shim between IBM's client and Derby rewrites, and that all else passes as it is."""

from __future__ import annotations

import asyncio
import struct

import pytest

from stack import drda


def ddm(code_point: int, body: bytes) -> bytes:
    return struct.pack(">HH", len(body) + 4, code_point) + body


def dss(content: bytes) -> bytes:
    return struct.pack(">HBBH", len(content) + 6, 0xD0, 1, 7) + content


def read(raw: bytes) -> tuple[bytes, bytes]:
    async def fed() -> tuple[bytes, bytes]:
        reader = asyncio.StreamReader()
        reader.feed_data(raw)
        return await drda.frame(reader)

    return asyncio.run(fed())


def test_a_client_of_db2_introduces_itself_as_derbys() -> None:
    for product in (b"SQL12014", "SQL11055".encode("cp500")):
        request = dss(ddm(drda.ACCRDB, ddm(0x112E, product)))
        sent = drda.rewritten(request, request, drda.rewrite_request)
        assert len(sent) == len(request)
        assert product not in sent


@pytest.mark.parametrize(("command", "unknown"), drda.UNKNOWN.items())
def test_a_parameter_that_derby_does_not_know_is_left_out_with_its_length(command: int, unknown: int) -> None:
    kept = ddm(0x2113, b"package")
    request = dss(ddm(command, kept + ddm(unknown, b"\1")))
    assert drda.rewritten(request, request, drda.rewrite_request) == dss(ddm(command, kept))


def test_what_derby_nests_into_its_code_pages_stands_beside_them() -> None:
    single, mixed, user = ddm(0x119C, b"\4\xb8"), ddm(0x119E, b"\4\xb8"), ddm(0x11A0, b"softcart")
    reply = dss(ddm(drda.ACCRDBRM, ddm(drda.TYPDEFOVR, single + mixed + user)))
    pages = ddm(drda.TYPDEFOVR, single + ddm(0x119D, struct.pack(">H", 1200)) + mixed)
    assert drda.rewritten(reply, reply, drda.rewrite_reply) == dss(ddm(drda.ACCRDBRM, pages + user))


def sqlca(code: int, tokens: bytes) -> bytes:
    return (
        b"\0" + struct.pack(">i", code) + b"42X01" + b"CSS10140" + b"\0" + bytes(24) + b" " * 11 + b"\0\0"
        + struct.pack(">H", len(tokens)) + tokens + b"\0\0\xff"
    )  # fmt: skip


def test_tokens_of_a_message_are_cut_and_the_end_of_rows_has_db2s_code() -> None:
    reply = dss(ddm(drda.SQLCARD, sqlca(-1, b"x" * 300)))
    assert drda.rewritten(reply, reply, drda.rewrite_reply) == dss(ddm(drda.SQLCARD, sqlca(-1, b"x" * 70)))
    end = dss(ddm(drda.SQLCARD, sqlca(10000, b"")))
    assert drda.rewritten(end, end, drda.rewrite_reply) == dss(ddm(drda.SQLCARD, sqlca(100, b"")))


def test_a_frame_that_comes_in_parts_is_joined_and_passes_as_it_came() -> None:
    first, rest = b"\xd0\1\0\7" + b"a" * 10, b"b" * 20
    raw = struct.pack(">H", 0x8000 | 2 + len(first)) + first + struct.pack(">H", 2 + len(rest)) + rest
    came, joined = read(raw + b"further")
    assert came == raw
    assert joined.endswith(b"a" * 10 + b"b" * 20)
    assert drda.rewritten(came, joined, drda.rewrite_reply) == raw


def test_a_greeting_in_tls_is_no_frame() -> None:
    with pytest.raises(ConnectionError):
        read(b"\x16\x03\x01\x02\x00\x01")
