"""Read a catalog file: every document as BSON can hold it, or rejected with its reason."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from landing.json_text import document_texts
from landing.json_values import Document, read_document
from landing.landing_file import check_text, opened_text
from landing.lines import Line, Reject, damage, printable
from landing.result import LandingError

ENCODING = "utf-8-sig"  # https://www.rfc-editor.org/rfc/rfc8259#section-8.1, and the mark that some add


class JsonReader:
    """The documents of one catalog file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines = 0
        self.ignored_columns: tuple[str, ...] = ()

    def rows(self, reject: Reject) -> Iterator[Line[Document]]:
        """The documents that can be stored; the others are given to `reject`.

        Raises `LandingError` for a file that is empty, was cut off, or holds no JSON objects.
        """
        check_text(self.path, ENCODING)
        objects = 0
        with opened_text(self.path, ENCODING) as file:
            for number, raw in document_texts(self.path.name, file):
                self.lines += 1
                objects += raw.lstrip().startswith("{") and raw.rstrip().endswith("}")
                text = printable(raw)
                try:
                    if reason := damage(raw, ENCODING):
                        raise ValueError(reason)
                    document = read_document(raw)
                except ValueError as error:
                    reject(number, text, str(error))
                    continue
                yield Line(number, text, document)
        if self.lines and not objects:
            raise LandingError(
                f"{self.path.name}: not one of its {self.lines} lines is a JSON object; a catalog file has"
                " one document a line, or is one array of them"
            )
