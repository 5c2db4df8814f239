"""Where objects are: a folder, `s3://bucket/prefix`, `gs://bucket/prefix`, or one file at `https://…`.

Keys and regions come from the environment by the clouds' own names (AWS_…, GOOGLE_…), or from the machine's
role. Everything is read in ranges, each asked for under the etag that was listed, so what comes is of one
version or nothing.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any, BinaryIO, cast
from urllib.parse import urlsplit

from sync.errors import SyncError, TransientError
from sync.objects import SourceObject

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

REGION = "us-east-1"  # any will do for a server that is not Amazon's
RANGE_BYTES = 4 << 20
RETRY = {"max_retries": 4, "retry_timeout": timedelta(seconds=60)}
HALF_WRITTEN = "._COPYING_"
NO_ETAG = "written at "


class Store:
    """One place. `str` of it tells where it is."""

    def __init__(self, url: str) -> None:
        """Raises `SyncError` for a URL that is no place; asks nobody yet."""
        scheme, separator, rest = url.partition("://")
        self.scheme = {"file": "", "s3a": "s3", "gcs": "gs"}.get(scheme, scheme) if separator else ""
        if self.scheme not in ("", "s3", "gs", "http", "https"):
            raise SyncError(
                f"{url!r} is no place for files: give a folder, s3://bucket/prefix, gs://bucket/prefix, or"
                f" the address of one file, https://host/name.csv"
            )
        parts = urlsplit(url)
        if self.scheme and not parts.netloc:
            raise SyncError(f"{url!r} names no bucket or host behind {self.scheme}://")
        if parts.username or parts.password or (self.scheme and parts.query):
            raise SyncError(f"the address at {parts.hostname} holds a login or a query: take it out")
        self._file: str | None = None
        if not self.scheme:
            self.url = str(Path(rest if separator else url).expanduser().absolute())
        elif self.scheme in ("http", "https"):
            base, _, self._file = url.rpartition("/")
            self.url = base
        else:
            self.url = f"{self.scheme}://{rest.strip('/')}"
        self._opened: Any = None

    def __str__(self) -> str:
        return f"{self.url}/{self._file}" if self._file else self.url

    def listing(self) -> list[SourceObject]:
        """All objects by name, but those that somebody is still writing or has put aside (`_name`, `.name`,
        `name._COPYING_`).

        Raises `SyncError` where the place is not there or may not be read, `TransientError` where it does not
        answer.
        """
        import obstore  # noqa: PLC0415  (a pass loads the libraries that it uses)

        with self._named():
            store = self._store()
            if self._file:
                return [_object(obstore.head(store, self._file), self._file)]
            listed = (each for batch in obstore.list(store) for each in batch)
            found = [_object(each, each["path"]) for each in listed if _is_finished(each["path"])]
        return sorted(found, key=lambda each: each.name)

    @contextmanager
    def open(self, wanted: SourceObject) -> Iterator[BinaryIO]:
        """The object's bytes, which may be read from anywhere.

        Raises `TransientError` where it is another one by now than was listed: nothing of it is to be used.
        """
        import obstore  # noqa: PLC0415

        with self._named(wanted.name):
            if self.scheme.startswith("http"):  # not every server answers with a range
                with TemporaryFile() as spooled:
                    for piece in obstore.get(self._store(), wanted.name).stream(min_chunk_size=RANGE_BYTES):
                        spooled.write(piece)
                    spooled.seek(0)
                    yield cast(BinaryIO, spooled)
            else:
                ranges = _Ranges(self._store(), wanted)
                yield cast(BinaryIO, io.BufferedReader(ranges, RANGE_BYTES))
            now = _object(obstore.head(self._store(), wanted.name), wanted.name)
        if not now.is_same(wanted):
            raise replaced(f"{self.url}/{wanted.name}")

    def put(self, name: str, path: Path) -> None:
        """Let an object of that name have a file's content; it appears whole or not at all."""
        import obstore  # noqa: PLC0415

        if not self.scheme:
            Path(self.url).mkdir(parents=True, exist_ok=True)
        with self._named(name):
            obstore.put(self._store(), name, path)

    def _store(self) -> Any:
        if self._opened is None:
            from obstore import store  # noqa: PLC0415

            if not self.scheme:
                if not Path(self.url).is_dir():
                    raise SyncError(f"{self.url} is no folder that can be read")
                self._opened = store.LocalStore(self.url)
            else:
                endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or ""
                config: Any = {}
                if self.scheme == "s3":
                    config = {"config": {"region": os.environ.get("AWS_REGION") or REGION}}
                    if endpoint:
                        config["config"]["endpoint"] = endpoint
                is_plain = self.scheme == "http" or (self.scheme == "s3" and endpoint.startswith("http://"))
                options: Any = {"allow_http": is_plain}
                retry: Any = RETRY
                self._opened = store.from_url(self.url, client_options=options, retry_config=retry, **config)
        return self._opened

    @contextmanager
    def _named(self, name: str = "") -> Iterator[None]:
        """Turn what the store says into an error that names the place and the way out."""
        from obstore import exceptions  # noqa: PLC0415

        place = f"{self.url}/{name}" if name else str(self)
        try:
            yield
        except exceptions.PreconditionError as error:
            raise replaced(place) from error
        except (FileNotFoundError, exceptions.NotFoundError) as error:
            if name:
                raise replaced(place) from error
            raise SyncError(f"{place}: nothing is there; correct the address") from error
        except (
            PermissionError,
            exceptions.PermissionDeniedError,
            exceptions.UnauthenticatedError,
        ) as error:
            raise SyncError(
                f"{place}: this user may not read it ({_said(error)}); the keys come from the environment"
                f" (AWS_ACCESS_KEY_ID, GOOGLE_APPLICATION_CREDENTIALS, …) or the machine's role"
            ) from error
        except exceptions.BaseError as error:
            raise TransientError(f"{place}: {_said(error)}") from error


class _Ranges(io.RawIOBase):
    """An object as a file, each read of which asks for a range of the version that was listed."""

    def __init__(self, store: Any, wanted: SourceObject) -> None:
        self._store = store
        self._wanted = wanted
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._wanted.size}[whence]
        self._at = origin + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: WriteableBuffer) -> int:
        import obstore  # noqa: PLC0415

        into = memoryview(buffer).cast("B")
        end = min(self._at + len(into), self._wanted.size)
        if end <= self._at:
            return 0
        options: Any = {"range": (self._at, end)}
        if not self._wanted.etag.startswith(NO_ETAG):
            options["if_match"] = self._wanted.etag
        piece = obstore.get(self._store, self._wanted.name, options=options).bytes()
        into[: len(piece)] = memoryview(piece)
        self._at += len(piece)
        return len(piece)


def replaced(place: str) -> TransientError:
    """What to raise for an object that changed under its reader."""
    return TransientError(f"{place} was replaced or removed while it was read; nothing of this pass was kept")


def _object(meta: Any, name: str) -> SourceObject:
    # Where a server tells no etag, its time has to do.
    etag = meta.get("e_tag") or f"{NO_ETAG}{meta['last_modified'].isoformat()}"
    return SourceObject(name, etag, int(meta["size"]), meta["last_modified"])


def _is_finished(path: str) -> bool:
    return not path.endswith(HALF_WRITTEN) and not any(part[:1] in ("_", ".") for part in path.split("/"))


def _said(error: BaseException) -> str:
    return " ".join(str(error).partition("\n\nDebug source")[0].split())
