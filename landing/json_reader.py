"""Read a catalog file, JSON lines or one JSON array: every document as BSON can hold it, or rejected with its
reason. Extended JSON (`{"$oid": …}`, `{"$date": …}`, `{"$numberDecimal": …}`) is understood."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from decimal import Decimal, DecimalException
from pathlib import Path
from typing import Any, NoReturn

from bson import Decimal128, json_util
from bson.errors import BSONError

from landing.landing_file import check_text
from landing.lines import KEEP_UNDECODABLE, Line, Reject, damage, printable
from landing.result import LandingError
from landing.values import shown

Document = dict[str, Any]

ENCODING = "utf-8-sig"  # https://www.rfc-editor.org/rfc/rfc8259#section-8.1, and the mark that some add
MONEY = "price"
_BSON_WHOLE = range(-(1 << 63), 1 << 63)
_EXTENDED: json_util.JSONOptions = json_util.JSONOptions(tz_aware=True, document_class=dict)
_BLANK = " \t\r\n"


class JsonReader:
    """The documents of one catalog file. JSON lines are read one by one, an array as a whole."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines = 0
        self.ignored_columns: tuple[str, ...] = ()

    def rows(self, reject: Reject) -> Iterator[Line[Document]]:
        """The documents that can be stored; the others are given to `reject`.

        Raises `LandingError` for a file that is empty or holds no JSON objects.
        """
        check_text(self.path, ENCODING)
        objects = 0
        for number, raw in self._texts():
            self.lines += 1
            objects += raw.lstrip().startswith("{") and raw.rstrip().endswith("}")
            try:
                if reason := damage(raw, ENCODING):
                    raise ValueError(reason)
                yield Line(number, printable(raw), _document(_parse(raw.rstrip())))
            except ValueError as error:
                reject(number, printable(raw), str(error))
            except RecursionError:
                reject(number, printable(raw), "is nested too deeply")
        if self.lines and not objects:
            raise LandingError(
                f"{self.path.name}: not one of its {self.lines} lines is a JSON object; a catalog file has"
                " one document a line, or is one array of them"
            )

    def _texts(self) -> Iterator[tuple[int, str]]:
        """The number of the first line and the text of each document."""
        with self.path.open(encoding=ENCODING, errors=KEEP_UNDECODABLE) as file:
            first = next((line for line in file if line.strip()), "")
            file.seek(0)
            if first.lstrip().startswith("["):
                yield from self._array(file.read())
            else:
                yield from ((number, line) for number, line in enumerate(file, 1) if line.strip())

    def _array(self, text: str) -> Iterator[tuple[int, str]]:
        decoder = json.JSONDecoder()
        place, line, counted = text.index("[") + 1, 1, 0
        try:
            while (place := _after_blanks(text, place)) < len(text) and text[place] != "]":
                line, counted = line + text.count("\n", counted, place), place
                _, end = decoder.raw_decode(text, place)
                yield line, text[place:end]
                place = _after_blanks(text, end)
                if text[place : place + 1] == ",":
                    place += 1
                elif text[place : place + 1] != "]":
                    raise json.JSONDecodeError("Expecting ',' or ']'", text, place)
        except json.JSONDecodeError as error:
            raise LandingError(
                f"{self.path.name}: line {error.lineno}: its array is broken: {error.msg}"
            ) from None
        if text[place : place + 1] != "]" or _after_blanks(text, place + 1) != len(text):
            raise LandingError(f"{self.path.name}: its array does not end where the file ends")


def _after_blanks(text: str, place: int) -> int:
    while place < len(text) and text[place] in _BLANK:
        place += 1
    return place


def _parse(raw: str) -> Any:
    try:
        return json.loads(
            raw, object_pairs_hook=_extended, parse_float=Decimal, parse_constant=_refuse_constant
        )
    except json.JSONDecodeError as error:
        raise ValueError(f"is not JSON: {error.msg} at character {error.pos + 1}") from None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"holds {name}, which is not JSON")


def _extended(pairs: list[tuple[str, Any]]) -> Any:
    names = [name for name, _ in pairs]
    if len(set(names)) < len(names):
        raise ValueError(f"names {shown(next(n for n in names if names.count(n) > 1))} twice")
    try:
        return json_util.object_pairs_hook(pairs, _EXTENDED)
    except (BSONError, TypeError, ValueError, KeyError, DecimalException) as error:
        raise ValueError(f"holds extended JSON that means nothing: {error}") from None


def _document(value: Any) -> Document:
    if not isinstance(value, dict):
        raise ValueError("is not a JSON object")
    if isinstance(value.get("_id"), (list, dict)) or ("_id" in value and value["_id"] is None):
        raise ValueError("_id: it is no single value")
    return {name: _money(item) if name == MONEY else _stored(item) for name, item in value.items()}


def _money(value: Any) -> Any:
    """Money keeps its decimal digits; what is not a number is left for the collection's validator."""
    if isinstance(value, (Decimal, int)) and not isinstance(value, bool):
        try:
            return Decimal128(Decimal(value))
        except DecimalException:
            raise ValueError(f"{MONEY}: {shown(str(value))} has more digits than a decimal holds") from None
    return _stored(value)


def _stored(value: Any) -> Any:
    """A value as BSON has it: whole numbers stay whole, others become doubles, as MongoDB's tools do it."""
    if isinstance(value, dict):
        return {name: _stored(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_stored(item) for item in value]
    if isinstance(value, Decimal):
        if not math.isfinite(double := float(value)):
            raise ValueError(f"{shown(str(value))} is out of a double's range")
        return double
    if isinstance(value, int) and value not in _BSON_WHOLE:
        raise ValueError(f"{shown(str(value))} is out of range: it needs more than 64 bits")
    return value
