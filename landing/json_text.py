"""Cut a catalog file into the texts of its documents, in whatever layout a tool has written them: one a line,
one after the other over several lines, or one array. A document that is broken costs itself alone."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import NamedTuple, TextIO

from landing.result import LandingError

_BLANKS = re.compile(r"[ \t\r\n]*+")
_BRACKET = re.compile(r'"(?:[^"\\\n]|\\.)*+"?|[{}\[\]]')
_FIRST_NAME = re.compile(r'\{[ \t\r\n]*+("(?:[^"\\\n]|\\.)*+")')
_SEVERAL = re.compile(r"\}\s*\{")
_PAIRS = {"}": "{", "]": "["}
# Numbers stay text here, where only the place of the end is wanted.
_DECODER = json.JSONDecoder(parse_int=str, parse_float=str)
# How often the text may be searched for the ends of broken documents, which may each lie at its end.
SEARCHES = 4
WINDOW = 1 << 16
MARGIN = 32  # no word or number that is cut at the window's end is longer
DEEPEST_INDENT = 200


class DocumentText(NamedTuple):
    """A document's text and the number of its first line."""

    line: int
    text: str


def document_texts(name: str, file: TextIO) -> Iterator[DocumentText]:
    """The texts of the documents, broken ones and what is no document included.

    JSON lines are read one by one, everything else as a whole. Raises `LandingError` for an array that does
    not end where the file ends, since such a file was cut off.
    """
    opening: list[str] = []
    for line in file:
        opening.append(line)
        if sum(bool(text.strip()) for text in opening) == 2:
            break
    first, second = ([text.strip() for text in opening if text.strip()] + ["", ""])[:2]
    if first.startswith("["):
        yield from _Texts(name, "".join(opening) + file.read()).array()
    elif first.startswith("{") and not first.endswith("}") and second and not second.startswith("{"):
        yield from _Texts(name, "".join(opening) + file.read()).stream()
    else:
        for number, line in enumerate(_chained(opening, file), 1):
            if _SEVERAL.search(line) and line.lstrip().startswith("{"):
                yield from _Texts(name, line, number).stream()
            elif line.strip():
                yield DocumentText(number, line)


def _chained(opening: list[str], file: TextIO) -> Iterator[str]:
    yield from opening
    yield from file


class _Texts:
    """A text that holds several documents, gone through from its beginning."""

    def __init__(self, name: str, text: str, line: int = 1) -> None:
        self._name = name
        self._text = text
        self._place = 0
        self._line, self._counted = line, 0
        self._first_name = ""
        self._budget = SEARCHES * len(text)

    def stream(self) -> Iterator[DocumentText]:
        """The documents that follow each other."""
        while self._after_blanks() < len(self._text):
            yield self._next(len(self._text))

    def array(self) -> Iterator[DocumentText]:
        """The elements of one array. A comma too few or too many does not matter."""
        self._place = self._text.index("[") + 1
        last = len(self._text.rstrip()) - 1
        is_closed = self._text[last] == "]"
        while (place := self._after_blanks()) < len(self._text) and self._text[place] != "]":
            if self._text[place] == ",":
                self._place += 1
            else:
                yield self._next(last if is_closed else len(self._text))
        if self._place != last:
            raise LandingError(
                f"{self._name}: its array does not end where the file ends; was it cut off on its way?"
            )

    def _after_blanks(self) -> int:
        match = _BLANKS.match(self._text, self._place)
        self._place = match.end() if match else self._place
        return self._place

    def _next(self, last: int) -> DocumentText:
        start = self._place
        self._line += self._text.count("\n", self._counted, start)
        self._counted = start
        try:
            self._place = self._end(start)
        except json.JSONDecodeError as error:
            self._place = self._end_of_broken(start, error.pos, last)
        except RecursionError:
            self._place = self._balanced_end(start) or last
        return DocumentText(self._line, self._text[start : self._place])

    def _end(self, start: int) -> int:
        """Where the value ends that begins here. An error counts the lines before it, so the first look is at
        no more than most documents have."""
        window = self._text[start : start + WINDOW]
        try:
            return start + int(_DECODER.raw_decode(window)[1])
        except json.JSONDecodeError as error:
            if error.pos < len(window) - MARGIN and not error.msg.startswith("Unterminated"):
                raise json.JSONDecodeError(error.msg, "", start + error.pos) from None
        return int(_DECODER.raw_decode(self._text, start)[1])

    def _end_of_broken(self, start: int, defect: int, last: int) -> int:
        """Where a document that is no JSON ends: where its brackets do, or before the next line or element
        that begins as it does."""
        if self._text[start] != "{":
            match = re.compile(r"[^,\n\]{]++|.", re.DOTALL).match(self._text, start, last)
            return match.end() if match else start + 1
        if self._indent(start) is None and (end := self._balanced_end(start)):
            return end
        alike = self._next_alike(start, defect) or last
        end = self._balanced_end(start)
        # Brackets may also be balanced by the defect of a later document, or before the end of this one.
        return end if end and end < alike and self._is_end(end) else alike

    def _is_end(self, place: int) -> bool:
        match = _BLANKS.match(self._text, place)
        return match is None or self._text[match.end() : match.end() + 1] in ("", ",", "]", "{")

    def _balanced_end(self, start: int) -> int | None:
        opened: list[str] = []
        for match in _BRACKET.finditer(self._text, start, start + self._budget):
            bracket = match[0]
            if bracket in "{[":
                opened.append(bracket)
            elif bracket in _PAIRS:
                if opened.pop() != _PAIRS[bracket]:
                    self._budget -= match.end() - start
                    return None
                if not opened:
                    return match.end()
        self._budget -= min(self._budget, len(self._text) - start)
        return None

    def _next_alike(self, start: int, defect: int) -> int | None:
        """The next place about the defect where an object begins with the same name; where both begin a
        line, as far from its beginning."""
        if match := _FIRST_NAME.match(self._text, start):
            self._first_name = match[1]
        alike = re.compile(r"[,}\n\]][ \t\r\n]*+(?=\{[ \t\r\n]*+" + re.escape(self._first_name) + ")")
        indent = self._indent(start)
        for match in alike.finditer(self._text, self._last_string(start, defect)):
            if indent is None or self._indent(match.end()) == indent:
                return match.end()
        return None

    def _indent(self, place: int) -> str | None:
        """The blanks before a place that begins its line, None for one within."""
        first = max(0, place - DEEPEST_INDENT)
        before = self._text[max(first, self._text.rfind("\n", first, place) + 1) : place]
        return before if not before.strip() else None

    def _last_string(self, start: int, defect: int) -> int:
        """Where the last string before the defect begins: it may be one that was not closed."""
        strings = (match.start() for match in _BRACKET.finditer(self._text, start + 1, defect + 1))
        return max((place for place in strings if self._text[place] == '"'), default=start + 1)
