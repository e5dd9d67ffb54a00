"""Tests of causes in served rows: the mistake is made on purpose, and gives the served rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from keras_consistency_cli.checks.analysis.served.kinds import (
    DIVIDED_AGAIN,
    ENCODED_BY_ROW,
    LATE,
    LOST_CATEGORIES,
    MOVED_AND_SCALED,
    NEARLY_MOVED,
    NEARLY_RESAMPLED,
    NEARLY_TURNED,
    NOT_DIVIDED,
    OTHER_UNIT,
)
from keras_consistency_cli.checks.analysis.served.rows import Mistake, find_mistakes
from keras_consistency_cli.checks.base import Evidence
from keras_consistency_cli.diagnosis.base import Failing
from keras_consistency_cli.diagnosis.confirmations.base import ConfirmationResult, ConfirmationTest
from keras_consistency_cli.text import format_count

__all__ = [
    "factor_gives_served_rows",
    "same_mistake_gives_served_rows",
    "served_rows_are_in_state",
    "unit_gives_served_rows",
]

_MOST_LEFT = 0.1
"""Share of the wrong rows that a confirmed mistake may leave unexplained."""
_NOT_EXACT = (NEARLY_MOVED, NEARLY_RESAMPLED, NEARLY_TURNED)
_OF_KINDS = {
    LATE: "these features of each served row are those of a row before or after it, value by value",
    LOST_CATEGORIES: (
        "without the columns of absent categories, the right columns are the served ones, value by value"
    ),
    ENCODED_BY_ROW: "in each row, each right code is served as one other code",
}
"""What reproduces the served rows, by kind of mistake."""
_MADE_ON_PURPOSE = "the same mistake, made on purpose, reproduces the served rows value by value"
_NEARLY = "changed in this way, the right values are nearly the served ones, but not value by value"
_ON_LINES = (
    "each served column is a straight line over a different right one; which numbers serving scales with is "
    "not known"
)


def same_mistake_gives_served_rows(slug: str, explanation: str = "") -> ConfirmationTest:
    """Return a test: the saved scaler, used wrongly in this way, reproduces the served rows.

    `explanation` says what reproduces them, if that is not the scaler.
    """

    def test(evidence: Evidence, _failing: Failing) -> ConfirmationResult | None:
        served = find_mistakes(evidence) or ()
        own = [each for each in served if each.cause == slug]
        others = [each for each in served if each.cause != slug]
        if any(each.kind in _NOT_EXACT for each in own):
            return ConfirmationResult(confirmed=False, explanation=_NEARLY)
        if any(each.kind == MOVED_AND_SCALED for each in own):
            return ConfirmationResult(confirmed=False, explanation=_ON_LINES)
        rows, columns, left = sum(each.rows for each in own), _find_places(own), _count_left(own, others)
        if not columns:
            return None
        if left > _MOST_LEFT * (rows + left):
            only = f"it reproduces {rows} of {rows + left} wrong rows only"
            return ConfirmationResult(confirmed=False, explanation=only)
        if len(_find_places(each for each in others if each.cause is None) - columns) > len(columns):
            return ConfirmationResult(confirmed=False, explanation=_describe_share(own, others))
        more, noun = len(_find_places(others) - columns), own[0].noun
        made_on_purpose = f"{_MADE_ON_PURPOSE} in {format_count(len(columns), noun)}"
        reproduced = _describe_kind(own) or explanation or made_on_purpose
        rest = [_describe_rest(amount, each) for amount, each in ((more, noun), (left, "row")) if amount]
        return ConfirmationResult(confirmed=True, explanation="; ".join([reproduced, *rest]))

    return test


def _describe_kind(own: Iterable[Mistake]) -> str:
    """Return the words for mistakes of one kind, "" for several, or for a kind without such words."""
    kinds = {each.kind for each in own}
    return _OF_KINDS.get(min(kinds), "") if len(kinds) == 1 else ""


def _describe_share(own: Sequence[Mistake], others: Iterable[Mistake]) -> str:
    columns = _find_places(own)
    wrong = columns | _find_places(others)
    return f"it reproduces {len(columns)} of {len(wrong)} wrong {own[0].noun}s only, which may be chance"


def _describe_rest(amount: int, noun: str) -> str:
    verb = "is" if amount == 1 else "are"
    return f"{format_count(amount, f'more {noun}')} {verb} wrong in a different way"


def _count_left(own: Iterable[Mistake], others: Iterable[Mistake]) -> int:
    """Return how many rows are wrong in the same columns, in a way that is not known."""
    columns = _find_places(own)
    return sum(each.rows for each in others if each.cause is None and columns & _find_places([each]))


def _find_places(mistakes: Iterable[Mistake]) -> set[tuple[str, int]]:
    """Return the columns of these mistakes, with their inputs."""
    return {(each.input, column) for each in mistakes for column in each.columns}


def factor_gives_served_rows(evidence: Evidence, failing: Failing) -> ConfirmationResult | None:
    """The right rows times 255, or a 255th of them; no scaler is needed to make these again."""
    own = [each for each in find_mistakes(evidence) or () if each.cause == "scaler-foreign"]
    if not own or any(each.kind not in (NOT_DIVIDED, DIVIDED_AGAIN) for each in own):
        return None
    explanation = "multiplied or divided by 255, the right values are the served ones"
    return same_mistake_gives_served_rows("scaler-foreign", explanation)(evidence, failing)


def unit_gives_served_rows(evidence: Evidence, failing: Failing) -> ConfirmationResult | None:
    """The saved scaler gives the served rows for raw values in a different unit."""
    own = [each for each in find_mistakes(evidence) or () if each.cause == "scaler-foreign"]
    if not own or any(each.kind != OTHER_UNIT for each in own):
        return None
    return same_mistake_gives_served_rows("scaler-foreign")(evidence, failing)


def served_rows_are_in_state(slug: str) -> ConfirmationTest:
    """Return a test: KC303 compared the served rows with raw and twice scaled ones, and names this cause."""

    def test(_evidence: Evidence, failing: Failing) -> ConfirmationResult | None:
        findings = failing["KC303"].findings if "KC303" in failing else {}
        if findings.get("cause") != slug or not findings.get("served"):
            return None
        return ConfirmationResult(confirmed=True, explanation=_MADE_ON_PURPOSE)

    return test
