"""What a landing file is: one frozen declaration that its reading, its quarantine and its merge follow."""

from __future__ import annotations

import codecs
from dataclasses import dataclass

from landing.values import FieldType
from sync.spec import SpecError


@dataclass(frozen=True)
class Field:
    """One column of a file, and of the target. An empty value is NULL, or refused where it is `required`.

    `usual` are the bounds that most of its numbers keep in any shop; they tell columns apart in a file
    without a header.
    """

    name: str
    type: FieldType
    description: str
    required: bool = True
    usual: tuple[int, int] | None = None


@dataclass(frozen=True)
class FileSpec:
    """One CSV file and the table it goes to, `schema.table`.

    Without a `header` the fields come in the declared order, unless the first line names them; with one they
    are found by their names, whatever the case. Without a `key` a line is known by its content. `encoding` is
    a codec of Python's; a byte-order mark is skipped in any case.
    """

    name: str
    target: str
    fields: tuple[Field, ...]
    description: str
    key: tuple[str, ...] = ()
    header: bool = True
    encoding: str = "utf-8-sig"

    def __post_init__(self) -> None:
        if self.target.count(".") != 1:
            raise SpecError(f"{self.name}: its target is schema.table, not {self.target!r}")
        if len(set(self.columns)) != len(self.columns):
            raise SpecError(f"{self.name}: a field is declared twice in {self.columns}")
        if unknown := [name for name in self.key if name not in self.columns]:
            raise SpecError(f"{self.name}: key field {unknown[0]!r} is not among {self.columns}")
        if optional := [f.name for f in self.fields if f.name in self.key and not f.required]:
            raise SpecError(f"{self.name}: key field {optional[0]!r} has to be required")
        try:
            codecs.lookup(self.encoding)
        except LookupError:
            raise SpecError(f"{self.name}: encoding {self.encoding!r} is not one that Python knows") from None

    @property
    def columns(self) -> tuple[str, ...]:
        """The fields' names, as the target has them."""
        return tuple(field.name for field in self.fields)

    @property
    def table(self) -> str:
        """The target's name without its schema."""
        return self.target.partition(".")[2]
