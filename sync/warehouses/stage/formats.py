"""How rows become a file."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import pyarrow as pa

Rows = Sequence[Sequence[Any]]
ROW_GROUP_ROWS = 50_000
COMPRESSION_LEVEL = 3


class Sink(Protocol):
    """A file that bytes are written to, one after the other."""

    def write(self, data: bytes) -> object: ...


class Encoder(Protocol):
    """One file being written."""

    def write(self, rows: Rows) -> int:
        """Append rows; returns their size before compression, in bytes."""

    def finish(self) -> None:
        """Write what is still held back; the file itself is closed by who opened it."""


class Format(Protocol):
    """A kind of file."""

    suffix: str

    def begin(self, sink: Sink) -> Encoder: ...


class Parquet:
    """Parquet by an Arrow schema; a row has Python's values in the order of its fields."""

    suffix = "parquet"

    def __init__(self, schema: pa.Schema) -> None:
        self.schema = schema

    def begin(self, sink: Sink) -> _ParquetFile:
        return _ParquetFile(sink, self.schema)


class _ParquetFile:
    def __init__(self, sink: Sink, schema: pa.Schema) -> None:
        import pyarrow.parquet as pq  # noqa: PLC0415  (heavy)

        self._schema = schema
        self._writer = pq.ParquetWriter(sink, schema, compression="zstd", write_statistics=False)
        self._held: list[pa.RecordBatch] = []

    def write(self, rows: Rows) -> int:
        import pyarrow as pa  # noqa: PLC0415

        columns = zip(*rows, strict=True)
        arrays = [pa.array(values, field.type) for values, field in zip(columns, self._schema, strict=True)]
        batch = pa.RecordBatch.from_arrays(arrays, schema=self._schema)
        self._held.append(batch)
        if sum(held.num_rows for held in self._held) >= ROW_GROUP_ROWS:
            self._flush()
        return int(batch.nbytes)

    def _flush(self) -> None:
        import pyarrow as pa  # noqa: PLC0415

        if self._held:
            self._writer.write_table(pa.Table.from_batches(self._held, self._schema))
            self._held = []

    def finish(self) -> None:
        self._flush()
        self._writer.close()


class CsvGz:
    """CSV in UTF-8, compressed with gzip, without a header. Every value is quoted text; NULL is the bare word
    `null`, since not every system tells an empty field from an empty text."""

    suffix = "csv.gz"

    def __init__(self, null: str) -> None:
        self.null = null

    def begin(self, sink: Sink) -> _CsvFile:
        return _CsvFile(sink, self.null)


class _CsvFile:
    def __init__(self, sink: Sink, null: str) -> None:
        self._sink = sink
        self._null = null
        self._packer = zlib.compressobj(COMPRESSION_LEVEL, zlib.DEFLATED, wbits=31)  # 31: gzip's header

    def write(self, rows: Rows) -> int:
        data = "".join(map(self._line, rows)).encode()
        self._put(self._packer.compress(data))
        return len(data)

    def _line(self, row: Iterable[str | None]) -> str:
        fields = (self._null if text is None else '"' + text.replace('"', '""') + '"' for text in row)
        return ",".join(fields) + "\n"

    def finish(self) -> None:
        self._put(self._packer.flush())

    def _put(self, data: bytes) -> None:
        if data:
            self._sink.write(data)
