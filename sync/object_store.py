"""A folder, or a prefix in a bucket of Amazon's or Google's, as one kind of place.

Keys come by the clouds' own means, never by a setting of ours: for S3 the environment (`AWS_…`), a profile
or the machine's role, and `AWS_ENDPOINT_URL` for a server that is not Amazon's; for Google the application
default credentials, and `STORAGE_EMULATOR_HOST` for a server that is not Google's.
"""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from sync.errors import SyncError, TransientError

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

REGION = "us-east-1"  # any will do for a server that is not Amazon's
REACH_SECONDS = 5.0
REQUEST_SECONDS = 60.0
# What asking again does not mend, by the names that AWS's client gives its errors.
PERMANENT = re.compile(
    r"AWS Error (ACCESS_DENIED|NO_SUCH_BUCKET|INVALID_ACCESS_KEY_ID|SIGNATURE_DOES_NOT_MATCH"
    r"|MISSING_AUTHENTICATION_TOKEN|UNRECOGNIZED_CLIENT|INVALID_CLIENT_TOKEN_ID|EXPIRED_TOKEN)"
)


@dataclass(frozen=True)
class Place:
    """A root without a slash at its end: an absolute path, `s3://bucket/prefix` or `gs://bucket/prefix`."""

    root: str

    @staticmethod
    def parse(text: str, variable: str) -> Place:
        """Read what the setting `variable` says. Raises `SyncError` for what is none of the three."""
        scheme, separator, rest = text.partition("://")
        scheme = {"s3a": "s3", "gcs": "gs"}.get(scheme, scheme)
        if not separator or scheme == "file":
            path = f"/{rest.strip('/')}" if separator else str(Path(text).expanduser().absolute())
            return Place(path.rstrip("/"))
        if scheme not in ("s3", "gs") or not rest.strip("/"):
            raise SyncError(f"{variable} is {text!r}: give a path, s3://bucket/prefix or gs://bucket/prefix")
        return Place(f"{scheme}://{rest.rstrip('/')}")

    @property
    def scheme(self) -> str:
        """`file`, `s3` or `gs`."""
        return self.root.partition("://")[0] if "://" in self.root else "file"

    @property
    def path(self) -> str:
        """The root as the file system calls it: an absolute path, or `bucket/prefix`."""
        return self.root.partition("://")[2] or self.root

    def url(self, path: str) -> str:
        """A path of the file system with its scheme; of a folder, the path."""
        return path if self.scheme == "file" else f"{self.scheme}://{path}"

    def filesystem(self) -> FileSystem:
        """What reads and writes there, by pyarrow. Raises `TransientError` where nobody answers."""
        from pyarrow import fs  # noqa: PLC0415  (takes a moment, and not every process needs it)

        if self.scheme == "file":
            return fs.LocalFileSystem()
        if self.scheme == "gs":
            return _google(fs)
        check_endpoint(self.root)
        endpoint = urlsplit(s3_endpoint())
        return fs.S3FileSystem(
            region=os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or self._region(fs),
            endpoint_override=endpoint.netloc or None,
            scheme=endpoint.scheme or "https",
            connect_timeout=REACH_SECONDS,
            request_timeout=REQUEST_SECONDS,
        )

    def _region(self, fs: object) -> str:
        if s3_endpoint():
            return REGION
        with self.errors():
            return str(fs.resolve_s3_region(self.path.partition("/")[0]))  # type: ignore[attr-defined]

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Turn the file system's errors into ours: `SyncError` where a right or the bucket is missing,
        `TransientError` where the same may succeed later."""
        try:
            yield
        except (PermissionError, FileNotFoundError, NotADirectoryError) as error:
            raise SyncError(f"{self.root}: {error}") from error
        except OSError as error:
            kind = SyncError if PERMANENT.search(str(error)) else TransientError
            raise kind(f"{self.root}: {error}") from error


def _google(fs: object) -> FileSystem:
    emulator = urlsplit(os.environ.get("STORAGE_EMULATOR_HOST", ""))
    if not emulator.netloc:
        return fs.GcsFileSystem()  # type: ignore[attr-defined]
    return fs.GcsFileSystem(  # type: ignore[attr-defined]
        anonymous=True, scheme=emulator.scheme, endpoint_override=emulator.netloc
    )


def s3_endpoint() -> str:
    """The address of an S3 server that is not Amazon's, empty where none is set."""
    return os.environ.get("AWS_ENDPOINT_URL", "")


def check_endpoint(root: str) -> None:
    """Make sure that an S3 server which is not Amazon's answers, which the clients would find out after
    minutes. Raises `TransientError` where it does not; `root` begins the message."""
    url = urlsplit(s3_endpoint())
    if url.hostname:
        reach(root, "S3 server", url.hostname, url.port or (443 if url.scheme == "https" else 80))


def reach(root: str, server: str, host: str, port: int) -> None:
    """Raises `TransientError` where nobody listens."""
    try:
        socket.create_connection((host, port), REACH_SECONDS).close()
    except OSError as error:
        raise TransientError(f"{root}: no {server} answers at {host}:{port}: {error}") from error
