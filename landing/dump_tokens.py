"""Go through a statement's tokens, clause by clause."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NoReturn

from landing.sql_lexer import Token

SHOWN_TOKENS = 4


class Refused(Exception):
    """A clause that a restore does not take; the message names it."""


class Tokens:
    """The tokens of one statement, and the place that was read to. What is for some servers only is read as
    for all of them."""

    def __init__(self, tokens: Sequence[Token], place: int = 0) -> None:
        self._all = list(tokens)
        self._places = [number for number, token in enumerate(tokens) if not token.is_condition]
        self._place = place

    @property
    def next(self) -> Token | None:
        """The token that comes next, None at the end."""
        return self._all[self._places[self._place]] if self._place < len(self._places) else None

    @property
    def word(self) -> str:
        """The next token's word, nothing at the end."""
        return self.next.word if self.next else ""

    @property
    def is_call(self) -> bool:
        """Whether a function's name and its parenthesis come next."""
        places = self._places[self._place : self._place + 2]
        return len(places) == 2 and self._all[places[0]].kind == "word" and self._all[places[1]].text == b"("

    def take(self) -> Token:
        """The next token. Raises `Refused` at the end."""
        token = self.next
        if token is None:
            raise Refused("it ends too early")
        self._place += 1
        return token

    def accept(self, *words: str) -> bool:
        """Whether these words come next; then they are taken."""
        found = [self._all[place].word for place in self._places[self._place : self._place + len(words)]]
        if found != list(words):
            return False
        self._place += len(words)
        return True

    def accept_any(self, words: Collection[str]) -> str:
        """The next word if it is one of these; then it is taken. Else nothing."""
        return self.take().word if self.word in words else ""

    def expect(self, word: str) -> None:
        if not self.accept(word):
            self.refuse()

    def expect_name(self) -> Token:
        """A name that stands alone. Raises `Refused` for one that is qualified with a database."""
        token = self.next
        if token is None or not token.is_name:
            self.refuse()
        taken = self.take()
        if self.word == ".":
            raise Refused("it names the database of a table; dump without qualified names")
        return taken

    def expect_end(self) -> None:
        if self.next is not None:
            self.refuse()

    def refuse(self) -> NoReturn:
        """Raises `Refused` with the clause that comes next."""
        places = self._places[self._place : self._place + SHOWN_TOKENS]
        shown = " ".join(self._all[place].text[:40].decode("utf-8", "replace") for place in places)
        if self.word == "." or (len(places) > 1 and self._all[places[1]].word == "."):
            raise Refused("it names the database of a table; dump without qualified names")
        raise Refused(
            f"a restore does not take {shown!r} in it; dump without it" if shown else "it ends too early"
        )

    def replace_last(self, text: bytes) -> None:
        """Put this in the place of the token that was taken last."""
        place = self._places[self._place - 1]
        self._all[place] = self._all[place]._replace(text=text)

    def drop_last(self) -> None:
        """Leave out the token that was taken last."""
        self._place -= 1
        del self._all[self._places[self._place]]
        self._places = [number for number, token in enumerate(self._all) if not token.is_condition]

    def drop_rest(self) -> None:
        """Leave out all that comes next."""
        if self._place < len(self._places):
            kept = self._all[: self._places[self._place]]
            open_ends = sum(t.kind == "opening" for t in kept) - sum(t.kind == "closing" for t in kept)
            if open_ends:
                opening = max(number for number, token in enumerate(kept) if token.kind == "opening")
                # What it held before this place is for all servers then, if it held anything.
                del kept[opening]
            self._all = kept
            self._places = self._places[: self._place]

    def rewritten(self) -> tuple[Token, ...]:
        """The tokens as they are to be run."""
        return tuple(self._all)
