"""A file's declaration refuses nonsense when it is made."""

from dataclasses import replace

import pytest

from landing.files import CUSTOMERS
from landing.spec import Field
from landing.values import Integer
from sync.spec import SpecError


def test_a_key_that_is_no_field_is_refused() -> None:
    with pytest.raises(SpecError, match=r"customers\.csv: key field 'number'"):
        replace(CUSTOMERS, key=("number",))


def test_a_key_that_may_be_empty_is_refused() -> None:
    with pytest.raises(SpecError, match="'email' has to be required"):
        replace(CUSTOMERS, key=("email",))


def test_a_field_declared_twice_is_refused() -> None:
    with pytest.raises(SpecError, match="declared twice"):
        replace(CUSTOMERS, fields=(*CUSTOMERS.fields, Field("city", Integer(), "A number")))


def test_a_target_without_schema_is_refused() -> None:
    with pytest.raises(SpecError, match=r"schema\.table"):
        replace(CUSTOMERS, target="customers")


def test_an_unknown_encoding_is_refused() -> None:
    with pytest.raises(SpecError, match="'klingon'"):
        replace(CUSTOMERS, encoding="klingon")
