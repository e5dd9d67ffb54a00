"""Ids that a one-hot encoding has no entry for, and encodes as zeros."""

from __future__ import annotations

from collections.abc import Iterator

from keras_consistency_cli.checks.analysis.shape_problems import InputProblem
from keras_consistency_cli.checks.base import Evidence
from keras_consistency_cli.checks.verdict import Status
from keras_consistency_cli.routes.calling.ids.one_hot_ids import ENCODING, ONE_HOT_IDS, LostIds
from keras_consistency_cli.text import clean

__all__ = ["find_lost_ids", "read_lost_ids"]


def read_lost_ids(evidence: Evidence) -> dict[str, LostIds]:
    """Return the ids that each encoding loses, by its path."""
    return evidence.details(ONE_HOT_IDS, dict[str, LostIds])


def find_lost_ids(evidence: Evidence) -> Iterator[InputProblem]:
    """Yield the encodings that lose ids of the rows.

    One id that is lost is still different from all others, and may stand for "unknown": a WARN, unless the
    ids begin with 1, so that the entry of 0 is never used. Several of them become alike: a FAIL. Codes that
    the model computes may be left out on purpose: a WARN.
    """
    if evidence.data.description.generated:
        return
    for path, lost in read_lost_ids(evidence).items():
        is_certain = (lost["different"] > 1 or lost["begins_with_one"]) and not lost["coded"]
        yield InputProblem(
            status=Status.FAIL if is_certain else Status.WARN,
            cause="wrong-ids",
            message=_describe(clean(path, 60), lost),
            fix=_suggest(lost),
        )


def _describe(layer: str, lost: LostIds) -> str:
    source = f"ids of input '{clean(lost['input'], 60)}'" if lost["input"] else "computed ids"
    source = f"codes that the model computes of {source}" if lost["coded"] else source
    have = "has" if lost["wrong"] == 1 else "have"
    shown = ", ".join(map(str, lost["shown"]))
    such = "such as " if lost["different"] > len(lost["shown"]) else ""
    return (
        f"{lost['wrong']:,} of {lost['given']:,} {source} ({such}{shown}) {have} no entry in '{layer}'; each "
        f"becomes a row of zeros, like every other id outside 0 to {lost['size'] - 1}"
    )


def _suggest(lost: LostIds) -> str:
    name = "num_tokens" if lost["kind"] == ENCODING else "num_classes"
    more = f"build the layer with {name}={lost['greatest'] + 1} and train again"
    if lost["coded"]:
        return f"if these codes do not mean 'other', {more}, or give ids whose codes are below {lost['size']}"
    if lost["shown"][0] < 0:
        return "give ids from 0 on: subtract the smallest one, in training and in serving"
    if lost["begins_with_one"]:
        return f"subtract 1 from the ids, which begin with 1, or {more}"
    if lost["different"] == 1:
        return f"if {lost['shown'][0]} does not mean 'unknown', {more}"
    return f"{more}, or give ids from 0 to {lost['size'] - 1}"
