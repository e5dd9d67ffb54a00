"""Categories that an encoder takes for unknown ones: in another spelling or place, or all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from keras_consistency_cli.checks.analysis.column_order import write_names, write_order
from keras_consistency_cli.checks.analysis.ids.spellings import MISSPELLED, SPELLINGS, UNKNOWN_WORDS
from keras_consistency_cli.checks.verdict import Status, Verdict
from keras_consistency_cli.measurement.data_facts import ScalingFact
from keras_consistency_cli.measurement.facts import UnknownCategories

__all__ = ["find_misspelled", "judge_categories"]

_KEPT = (
    "write the values as in training, with the function that training used; the encoder lists those that it "
    "knows in categories_. If they are new ones, fit the encoder on them and train again"
)
_OTHER_TYPE = "give column {column!r} as in training: the encoder knows {known} there"

_METHODS = {
    "strip": ".str.strip()",
    "lower": ".str.strip().str.lower()",
    "upper": ".str.strip().str.upper()",
    "capitalize": ".str.strip().str.capitalize()",
    "title": ".str.strip().str.title()",
    "whole": ".str.removesuffix('.0')",
    "decimal": " + '.0'",
}
"""By name of a spelling, what gives it to a column of pandas."""


def find_misspelled(scaling: ScalingFact | None) -> tuple[UnknownCategories, ...]:
    """Return the columns with categories that an encoder would know in another spelling."""
    return () if scaling is None else tuple(each for each in scaling.unknown if each.spelling)


def judge_categories(scaling: ScalingFact, findings: Mapping[str, Any]) -> Verdict | None:
    """A FAIL for columns in each other's place, or many categories in another spelling, a WARN for few.

    A column of which nearly no value is known is a FAIL if the encoder knows values of another type only, and
    a WARN otherwise: all of them may be new.
    """
    moved = {each.place: each.belongs for each in scaling.unknown if each.belongs is not None}
    if moved:
        return _fail_order(scaling, moved, findings)
    misspelled = find_misspelled(scaling)
    unlike = sorted(
        (each for each in scaling.unknown if each.is_unlike), key=lambda each: not each.other_type
    )
    verdicts = [_judge_spelling(scaling, misspelled, findings)] if misspelled else []
    verdicts += [_judge_unlike(scaling, unlike, findings)] if unlike else []
    return next((each for each in verdicts if each.status is Status.FAIL), next(iter(verdicts), None))


def _judge_unlike(
    scaling: ScalingFact, unlike: Sequence[UnknownCategories], findings: Mapping[str, Any]
) -> Verdict:
    """Columns of which the encoder knows no value, in no spelling or place; the clearest comes first."""
    worst = unlike[0]
    others = f"; also {', '.join(repr(each.column) for each in unlike[1:])}" if unlike[1:] else ""
    message = (
        f"the {scaling.kind} does not know {worst.unknown:,} of {worst.given:,} categories in column "
        f"'{worst.column}', such as {worst.value}, and takes them for unknown ones; it knows {worst.known}"
        f"{others}"
    )
    verdict = Verdict.fail if worst.other_type else Verdict.warn
    fix = _OTHER_TYPE.format(column=worst.column, known=worst.known) if worst.other_type else None
    return verdict(
        message,
        cause=UNKNOWN_WORDS,
        findings={**findings, "unknown": {each.column: each.unknown for each in unlike}, "mend": fix},
        advice=fix or _KEPT,
    )


def _fail_order(scaling: ScalingFact, moved: Mapping[int, int], findings: Mapping[str, Any]) -> Verdict:
    """The failure of columns whose categories the encoder knows of other columns only."""
    first = next(each for each in scaling.unknown if each.place in moved)
    names = scaling.columns or ()
    there = f"'{names[moved[first.place]]}'" if moved[first.place] < len(names) else moved[first.place]
    fix = write_order(moved, scaling.features or 0)
    if fix is not None and len(names) == scaling.features:
        order = list(names)
        for here, place in moved.items():
            order[place] = names[here]
        fix = write_names(order)
    advice = "bring the columns into the order in which the encoder was fitted"
    return Verdict.fail(
        f"{len(moved)} columns are not in the order the {scaling.kind} was fitted on; it knows no value of "
        f"column '{first.column}', such as {first.value}, and all of them in the place of column {there}",
        cause="feature-order",
        findings={**findings, "categories": {str(here): place for here, place in moved.items()}, "mend": fix},
        advice=fix or advice,
    )


def _judge_spelling(
    scaling: ScalingFact, misspelled: Sequence[UnknownCategories], findings: Mapping[str, Any]
) -> Verdict:
    worst = max(misspelled, key=lambda each: each.unknown / each.given)
    words, _ = SPELLINGS[worst.spelling]
    others = f"; also {', '.join(repr(each.column) for each in misspelled if each is not worst)}"
    message = (
        f"the {scaling.kind} does not know {worst.unknown:,} of {worst.given:,} categories in column "
        f"'{worst.column}', such as {worst.value}, and takes them for unknown ones; {words} they are known: "
        f"{worst.becomes}{others if len(misspelled) > 1 else ''}"
    )
    lines = list(dict.fromkeys(map(_write_fix, misspelled)))
    verdict = Verdict.fail if worst.unknown >= MISSPELLED * worst.given else Verdict.warn
    return verdict(
        message,
        cause=UNKNOWN_WORDS,
        findings={
            **findings,
            "misspelled": {each.column: each.unknown for each in misspelled},
            "mend": "\n".join(lines),
            "tried": True,
        },
        advice=lines[0],
    )


def _write_fix(column: UnknownCategories) -> str:
    """The line that gives a column the spelling of training."""
    method = _METHODS.get(column.spelling)
    if method is None:
        return SPELLINGS[column.spelling][1]
    return f"frame[{column.column!r}] = frame[{column.column!r}]{method}      # before the encoder"
