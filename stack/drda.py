"""``python -m stack.drda``: lets IBM's Db2 client talk to Apache Derby, which speaks the same protocol, DRDA.

Derby's network server refuses IBM's client by its product id (DERBY-5565), and both read a few replies in
another way. This process stands between them and rewrites these, frame by frame; everything else passes as it
is. The protocol is The Open Group's DRDA, Version 5 (Volume 3: DDM Architecture), whose words are used here.
"""

from __future__ import annotations

import asyncio
import re
import signal
import struct
from collections.abc import Callable, Iterator
from contextlib import suppress

import click

# Code points of DDM objects and parameters.
EXCSAT, ACCRDB, EXCSQLSET, DSCSQLSTT = 0x1041, 0x2001, 0x2014, 0x2008
RTNSETSTT, QRYINSID = 0x210E, 0x215B
# Parameters that Derby does not know, by the command.
UNKNOWN = {EXCSQLSET: RTNSETSTT, DSCSQLSTT: QRYINSID}
ACCRDBRM, SQLCARD = 0x2201, 0x2408
TYPDEFOVR = 0x0035

HEADER = 6  # of a frame (DSS): its length, D0, its format, its number
MAGIC = 0xD0
CONTINUED = 0x8000
# The code pages of single, double and mixed bytes, in TYPDEFOVR.
CCSIDSBC, CCSIDDBC, CCSIDMBC = 0x119C, 0x119D, 0x119E
UTF_16 = struct.pack(">HHH", 6, CCSIDDBC, 1200)
# Where the message's tokens are in a SQLCARD: behind SQLCODE, SQLSTATE, SQLERRPROC, SQLERRD, SQLWARN and an
# empty name of the database.
TOKENS = 1 + 4 + 5 + 8 + 1 + 6 * 4 + 11 + 2
LONGEST_TOKENS = 70  # that SQLERRMC has room for
DERBY_WARNING, NO_MORE_ROWS = 10000, 100

_PRODUCT = re.compile(rb"SQL\d{5}")
_PRODUCT_EBCDIC = re.compile("SQL".encode("cp500") + rb"[\xf0-\xf9]{5}")
DERBY_CLIENT = "DNC10010"

Rewrite = Callable[[int, bytes], bytes]


def rewrite_request(code_point: int, body: bytes) -> bytes:
    """The body of an object that the client sends, as Derby takes it."""
    if code_point in (EXCSAT, ACCRDB):
        body = _PRODUCT.sub(DERBY_CLIENT.encode(), body)
        return _PRODUCT_EBCDIC.sub(DERBY_CLIENT.encode("cp500"), body)
    if code_point in UNKNOWN:
        return b"".join(kept for name, kept in parameters(body) if name != UNKNOWN[code_point])
    return body


def rewrite_reply(code_point: int, body: bytes) -> bytes:
    """The body of an object that Derby sends, as IBM's client takes it."""
    if code_point == ACCRDBRM:
        return b"".join(
            _code_pages(parameter[4:]) if name == TYPDEFOVR else parameter
            for name, parameter in parameters(body)
        )
    return _sqlca(body) if code_point == SQLCARD else body


def _code_pages(nested: bytes) -> bytes:
    """TYPDEFOVR with all three code pages, and behind it what Derby nests there and belongs outside."""
    found = dict(parameters(nested))
    pages = found.pop(CCSIDSBC, b"") + found.pop(CCSIDDBC, UTF_16) + found.pop(CCSIDMBC, b"")
    return struct.pack(">HH", 4 + len(pages), TYPDEFOVR) + pages + b"".join(found.values())


def _sqlca(body: bytes) -> bytes:
    """A SQLCA with at most 70 bytes of tokens, and the end of the rows under Db2's code."""
    if body[:1] != b"\0":  # none
        return body
    (code,) = struct.unpack_from(">i", body, 1)
    if code == DERBY_WARNING:
        body = body[:1] + struct.pack(">i", NO_MORE_ROWS) + body[5:]
    if len(body) < TOKENS + 2:
        return body
    (length,) = struct.unpack_from(">H", body, TOKENS)
    if length <= LONGEST_TOKENS:
        return body
    kept = body[TOKENS + 2 : TOKENS + 2 + LONGEST_TOKENS]
    return body[:TOKENS] + struct.pack(">H", len(kept)) + kept + body[TOKENS + 2 + length :]


def parameters(body: bytes) -> Iterator[tuple[int, bytes]]:
    """The parameters of an object, each with its code point and as a whole."""
    start = 0
    while start + 4 <= len(body):
        length, name = struct.unpack_from(">HH", body, start)
        yield name, body[start : start + max(length, 4)]
        start += max(length, 4)


async def frame(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """The next frame: as it came, and joined if it came in parts. Raises `ConnectionError` for what is none,
    such as a client's greeting in TLS: whoever sent it would wait for an answer for good."""
    raw = await reader.readexactly(HEADER)
    if raw[2] != MAGIC:
        raise ConnectionError("no frame of DRDA")
    (length,) = struct.unpack_from(">H", raw)
    is_continued = bool(length & CONTINUED)
    rest = await reader.readexactly((length & ~CONTINUED) - HEADER)
    raw, joined = raw + rest, raw + rest
    while is_continued:
        head = await reader.readexactly(2)
        (length,) = struct.unpack(">H", head)
        is_continued = bool(length & CONTINUED)
        rest = await reader.readexactly((length & ~CONTINUED) - 2)
        raw, joined = raw + head + rest, joined + rest
    return raw, joined


def rewritten(raw: bytes, joined: bytes, rewrite: Rewrite) -> bytes:
    """A frame with its object rewritten; an object with an extended length is none of those that are."""
    if len(joined) < HEADER + 4:
        return raw
    length, code_point = struct.unpack_from(">HH", joined, HEADER)
    if length < 4 or length & CONTINUED:
        return raw
    end = HEADER + length
    body = joined[HEADER + 4 : end]
    changed = rewrite(code_point, body)
    if changed == body:
        return raw
    whole = struct.pack(">HH", len(changed) + 4, code_point) + changed + joined[end:]
    return struct.pack(">H", HEADER + len(whole)) + joined[2:HEADER] + whole


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, rewrite: Rewrite) -> None:
    with suppress(asyncio.IncompleteReadError, ConnectionError):
        while True:
            raw, joined = await frame(reader)
            writer.write(rewritten(raw, joined, rewrite))
            await writer.drain()
    writer.close()


async def serve(port: int, derby: int) -> None:
    """Serve Db2's clients on a port of loopback, with Derby behind it; SIGHUP cuts all connections, as a
    server's administrator can."""

    connections: set[asyncio.StreamWriter] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, here = await asyncio.open_connection("127.0.0.1", derby)
        except OSError:
            writer.close()
            return
        connections.update((writer, here))
        await asyncio.gather(
            _pump(reader, here, rewrite_request), _pump(there, writer, rewrite_reply), return_exceptions=True
        )
        connections.difference_update((writer, here))

    def cut() -> None:
        for connection in connections:
            connection.transport.abort()

    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, cut)
    server = await asyncio.start_server(connected, "127.0.0.1", port)
    async with server:
        await server.serve_forever()


@click.command()
@click.option("--home", required=True, help="The folder of this shim, by which its process is known.")
@click.option("--port", type=int, required=True, help="Where Db2's clients connect.")
@click.option("--derby", type=int, required=True, help="Where Derby listens.")
def main(home: str, port: int, derby: int) -> None:
    """Serve until the process is ended."""
    with suppress(KeyboardInterrupt):
        asyncio.run(serve(port, derby))


if __name__ == "__main__":
    main()
