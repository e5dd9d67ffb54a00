"""Cases of the corpus by name."""

from __future__ import annotations

from tests.corpus.cases import Case
from tests.corpus.catalogue import ALL_CASES

__all__ = ["corpus_case"]


def corpus_case(name: str) -> Case:
    """Return the case of this name."""
    return next(case for case in ALL_CASES if case.name == name)
