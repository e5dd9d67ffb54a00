"""Cases of the corpus by name, and trials on them."""

from __future__ import annotations

from typing import Any

from tests.advice.trial import Fix, Trial
from tests.corpus.cases import Case
from tests.corpus.catalogue import ALL_CASES

__all__ = ["corpus_case", "corpus_trial"]


def corpus_case(name: str) -> Case:
    """Return the case of this name."""
    return next(case for case in ALL_CASES if case.name == name)


def corpus_trial(slug: str, tries: str, name: str, fix: Fix | None = None, **more: Any) -> Trial:
    """Return a trial on the case of this name; `more` are other fields of it."""
    return Trial(slug=slug, tries=tries, faulty=corpus_case(name), fix=fix, **more)
