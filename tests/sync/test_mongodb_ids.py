"""Batches of documents as a server sends them, and the ids in them."""

import bson
from hypothesis import given
from hypothesis import strategies as st

from sync.sources.mongodb.ids import pieces, split

batches = st.lists(st.text().map(lambda text: bson.encode({"_id": text})))


@given(batches, st.integers(1, 200))
def test_pieces_are_whole_documents_and_only_the_last_one_is_short(documents: list[bytes], size: int) -> None:
    found = list(pieces(b"".join(documents), size))
    assert b"".join(found) == b"".join(documents)
    for piece in found:
        parts = list(split(piece))
        assert set(parts) <= set(documents)
        assert sum(map(len, parts[:-1])) < size  # it ends with the document that fills it
    assert all(len(piece) >= size for piece in found[:-1])


@given(batches)
def test_a_batch_is_split_into_its_documents(documents: list[bytes]) -> None:
    assert list(split(b"".join(documents))) == documents
