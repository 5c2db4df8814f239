"""Where the lake is: a folder, a bucket's prefix or a path in HDFS, as `SOFTCART_LAKE` names it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from sync.errors import SyncError
from sync.object_store import REGION, check_endpoint, reach, s3_endpoint

VARIABLE = "SOFTCART_LAKE"
NAMENODE_PORT = 8020


@dataclass(frozen=True)
class Location:
    """The lake's root without a slash at its end: an absolute path, `s3://bucket/prefix`, `hdfs://host/path`."""

    root: str

    @staticmethod
    def parse(text: str) -> Location:
        """Read a setting. Raises `SyncError` for what is none of the three."""
        scheme, separator, rest = text.partition("://")
        if not separator:
            return Location(str(Path(text).expanduser().absolute()).rstrip("/"))
        scheme = "s3" if scheme == "s3a" else scheme
        if scheme == "file":
            return Location(f"/{rest.strip('/')}")
        if scheme not in ("s3", "hdfs") or not urlsplit(f"{scheme}://{rest}").netloc:
            raise SyncError(
                f"{VARIABLE} is {text!r}: give a path, s3://bucket/prefix or hdfs://host:port/path"
            )
        return Location(f"{scheme}://{rest.rstrip('/')}")

    @property
    def scheme(self) -> str:
        """`file`, `s3` or `hdfs`."""
        return self.root.partition("://")[0] if "://" in self.root else "file"

    def table(self, folder: str) -> str:
        """The root of a table, such as `raw/search_terms`."""
        return f"{self.root}/{folder}"

    def storage_options(self) -> dict[str, str]:
        """What delta-rs needs to know beside the URI. S3's keys come from the environment, by AWS's names."""
        if self.scheme != "s3":
            return {}
        named = {name: value for name, value in os.environ.items() if name.startswith("AWS_") and value}
        return {
            "AWS_REGION": REGION,
            **named,
            # Two writers must not commit the same version: the second one's put has to fail.
            "aws_conditional_put": "etag",
            **({"allow_http": "true"} if s3_endpoint().startswith("http://") else {}),
        }

    def check(self) -> None:
        """Make sure that somebody answers there, which the clients would find out after minutes.

        Raises `TransientError` where nobody does.
        """
        if self.scheme == "s3":
            check_endpoint(f"{VARIABLE} {self.root}")
        if self.scheme == "hdfs":
            url = urlsplit(self.root)
            reach(f"{VARIABLE} {self.root}", "NameNode", url.hostname or "", url.port or NAMENODE_PORT)
