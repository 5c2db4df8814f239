"""A small proxy that lets PostgreSQL pass for Redshift, for development and tests: standard library only.

It tells the version that Redshift tells, leaves out what PostgreSQL has no word for (DISTSTYLE, DISTKEY,
SORTKEY, ENCODE), declares foreign keys that nobody enforces, lets a SUPER be a jsonb, and does COPY from S3:
it reads the manifest and its files itself and feeds them to PostgreSQL's COPY FROM STDIN.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import struct
import urllib.request
import zlib
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import quote

VERSION = b"8.0.2"  # of the PostgreSQL that Redshift comes from
SSL, GSS = 80877103, 80877104
KEPT = (b"user", b"database", b"application_name")
PIECE = 1 << 18
DEFINITION = re.compile(r"\s*(CREATE\s+TABLE|ALTER\s+TABLE)\b", re.IGNORECASE)
LAYOUT = re.compile(
    r"\s+(DISTSTYLE\s+\w+|DISTKEY\s*\([^)]*\)|(COMPOUND\s+|INTERLEAVED\s+)?SORTKEY\s*(AUTO|\([^)]*\))|ENCODE\s+\w+)",
    re.IGNORECASE,
)
SUPER = re.compile(r"(?<=\s)SUPER\b")
FOREIGN_KEY = re.compile(r"\bFOREIGN\s+KEY\s*\([^)]*\)\s*REFERENCES\s+[^(]+\([^)]*\)", re.IGNORECASE)
COPY = re.compile(
    r"\s*COPY\s+(?P<into>.+?\))\s+FROM\s+'s3://(?P<manifest>[^']+)'\s+IAM_ROLE\s(?P<options>.*)",
    re.IGNORECASE | re.DOTALL,
)
NULL = re.compile(r"NULL\s+AS\s+('(?:[^']|'')*')", re.IGNORECASE)


@dataclass
class Load:
    """A COPY on its way: what PostgreSQL is told, and the files to feed."""

    statement: str
    files: list[str]


class Proxy:
    """Serves on `port` of this machine, in front of PostgreSQL on `server_port`, with S3 at `s3`."""

    def __init__(self, server_port: int, s3: str) -> None:
        self._server_port = server_port
        self._s3 = s3

    async def serve(self, port: int) -> asyncio.Server:
        return await asyncio.start_server(self._connected, "127.0.0.1", port)

    def refusal(self, statement: str) -> tuple[str, str] | None:
        """An error, by its code and message, to answer a statement with; a test has some."""
        return None

    def answered(self, statement: str) -> bool:
        """Whether the client hears what came of a statement; a test cuts its connection instead."""
        return True

    def files(self, files: list[str]) -> list[str]:
        """The files that a COPY takes; a test has it take fewer."""
        return files

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await _Session(self, reader, writer, self._s3).run(self._server_port)
        except (OSError, EOFError):
            pass  # one of the two is gone
        finally:
            writer.close()


class _Session:
    def __init__(
        self, proxy: Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, s3: str
    ) -> None:
        self._proxy = proxy
        self._client, self._to_client = reader, writer
        self._s3 = s3
        self._load: Load | None = None
        self._hangs_up = False

    async def run(self, server_port: int) -> None:
        startup = await self._startup()
        self._server, self._to_server = await asyncio.open_connection("127.0.0.1", server_port)
        self._to_server.write(startup)
        ways = [asyncio.create_task(self._from_client()), asyncio.create_task(self._from_server())]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            self._to_server.close()

    async def _startup(self) -> bytes:
        while True:
            (length,) = struct.unpack("!I", await self._client.readexactly(4))
            body = await self._client.readexactly(length - 4)
            (code,) = struct.unpack("!I", body[:4])
            if code not in (SSL, GSS):
                break
            self._to_client.write(b"N")
        if code >> 16 != 3:  # a request to cancel: nothing but to be passed on
            return struct.pack("!I", length) + body
        parts = body[4:].split(b"\0")
        pairs = [(name, value) for name, value in zip(parts[::2], parts[1::2], strict=False) if name in KEPT]
        kept = body[:4] + b"".join(name + b"\0" + value + b"\0" for name, value in pairs) + b"\0"
        return struct.pack("!I", len(kept) + 4) + kept

    async def _from_client(self) -> None:
        while True:
            kind, body = await _message(self._client)
            if kind == b"Q":
                body = await self._rewritten(body[:-1].decode()) + b"\0"
            _write(self._to_server, kind, body)
            await self._to_server.drain()

    async def _rewritten(self, statement: str) -> bytes:
        self._hangs_up = not self._proxy.answered(statement)
        if error := self._proxy.refusal(statement):
            return _failing(*error)
        if match := COPY.match(statement):
            try:
                self._load = await self._begin(match)
            except (OSError, ValueError, KeyError) as error:
                return _failing("XX000", f"S3ServiceException: {error}")
            return self._load.statement.encode()
        if DEFINITION.match(statement):
            statement = SUPER.sub("JSONB", LAYOUT.sub("", statement))
            statement = FOREIGN_KEY.sub(r"\g<0> NOT ENFORCED", statement)
        return statement.encode()

    async def _begin(self, match: re.Match[str]) -> Load:
        options, null = match["options"], NULL.search(match["options"])
        if null is None or " MANIFEST " not in options or " GZIP " not in options:
            raise ValueError("this stand-in copies CSV in gzip by a manifest, with a word for NULL")
        manifest = json.loads(b"".join([piece async for piece in self._fetch(match["manifest"])]))
        files = [str(entry["url"]).removeprefix("s3://") for entry in manifest["entries"]]
        return Load(f"COPY {match['into']} FROM STDIN (FORMAT csv, NULL {null[1]})", self._proxy.files(files))

    async def _from_server(self) -> None:
        while True:
            kind, body = await _message(self._server)
            if self._hangs_up:
                return
            if kind == b"G" and self._load:  # PostgreSQL waits for rows, of which the client knows nothing
                await self._feed(self._load)
                self._load = None
                continue
            if kind == b"S" and body.startswith(b"server_version\0"):
                body = b"server_version\0" + VERSION + b"\0"
            _write(self._to_client, kind, body)
            await self._to_client.drain()

    async def _feed(self, load: Load) -> None:
        try:
            for file in load.files:
                unpacker = zlib.decompressobj(wbits=31)
                async for piece in self._fetch(file):
                    _write(self._to_server, b"d", unpacker.decompress(piece))
                    await self._to_server.drain()
        except OSError as error:
            _write(self._to_server, b"f", f"S3ServiceException: {error}".encode() + b"\0")
            return
        _write(self._to_server, b"c", b"")

    async def _fetch(self, key: str) -> AsyncIterator[bytes]:
        response = await asyncio.to_thread(urllib.request.urlopen, f"{self._s3}/{quote(key)}")
        with response:
            while piece := await asyncio.to_thread(response.read, PIECE):
                yield piece


async def _message(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    head = await reader.readexactly(5)
    return head[:1], await reader.readexactly(struct.unpack("!I", head[1:])[0] - 4)


def _write(writer: asyncio.StreamWriter, kind: bytes, body: bytes) -> None:
    writer.write(kind + struct.pack("!I", len(body) + 4) + body)


def _failing(code: str, message: str) -> bytes:
    """A statement that fails with this error, so that the transaction fails too."""
    quoted = message.replace("'", "''")
    return (
        f"DO $fault$ BEGIN RAISE EXCEPTION USING ERRCODE = '{code}', MESSAGE = '{quoted}'; END $fault$"
    ).encode()


async def _main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("data")  # by which the process is known
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--server-port", type=int, required=True)
    parser.add_argument("--s3", required=True)
    arguments = parser.parse_args()
    server = await Proxy(arguments.server_port, arguments.s3).serve(arguments.port)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(_main())
