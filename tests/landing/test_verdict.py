"""The three-way merge's rule."""

from itertools import product

from landing.verdict import Verdict, decide


def test_the_shop_wins_over_the_file_and_the_file_over_what_it_said_before() -> None:
    """All combinations of what file, memory and shop say of a key; None is nothing."""
    for file, landed, kept in product(("a", "b"), (None, "a", "b"), (None, "a", "b", "c")):
        verdict = decide(landed is not None, kept is not None, file == landed, file == kept, kept == landed)
        if file == landed:
            expected = Verdict.KNOWN
        elif file == kept:
            expected = Verdict.ADOPTED
        elif landed is None and kept is None:
            expected = Verdict.INSERTED
        elif landed is not None and kept == landed:
            expected = Verdict.UPDATED
        else:
            expected = Verdict.CONFLICT
        assert verdict is expected, (file, landed, kept)
