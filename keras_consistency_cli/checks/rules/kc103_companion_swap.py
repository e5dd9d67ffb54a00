"""The other rows of a batch must not change a row's outputs, not even in one bit.

Why: if the outputs of a row depend on its neighbours in the batch, predictions cannot be reproduced, and one
customer's data can leak into another customer's outputs. Limits do not find small leaks: 1e-6 of the batch
mean is below rounding noise. This check needs no limit.

How: the batch size and the position of a row stay the same; all other rows are replaced by other real rows,
copies of the row, zeros, huge values and NaN. This is done at the first, middle and last position and in
halves that separate every ordered pair of rows, at the batch size in use and at a second one; for a heavy
model in halves only, at one size. The kernels are the same, so the kept row must come out with the same bits,
in float32 and on the float64 copy, which shows leaks of 1e-9. Where neighbours change the shape of what the
model computes, as the longest text of a batch does, sums over more zeros may round differently: there the
difference must be rounding, and disappear on the float64 copy. A model that gives different outputs for the
same batch from the same state cannot be judged (see repeatability).

To fix: compute statistics, softmax, attention and normalization over feature axes; pass `training=False` to
BatchNormalization, or use its moving statistics.

Sources: keras#270, keras#13762.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from keras_consistency_cli.checks.agreement import Wording, agreement
from keras_consistency_cli.checks.base import Check, Evidence, Pair
from keras_consistency_cli.checks.judgement import worst
from keras_consistency_cli.checks.preconditions import find_error
from keras_consistency_cli.checks.verdict import Verdict
from keras_consistency_cli.measurement.policy import Policy
from keras_consistency_cli.routes.calling.neighbours import NeighbourDetails
from keras_consistency_cli.routes.session.batches import SHAPE_VARIES

__all__ = ["CHECK"]

_PAIRS = (
    Pair(candidate="companions", reference="companions-baseline", exact=True),
    Pair(candidate="companions-float64", reference="companions-float64-baseline", exact=True),
)
_WORDING = Wording(
    agree="no row is changed by its neighbours (same bits)",
    differ="a row's outputs change when only its neighbours change",
    advice=(
        "find the operation over axis 0 (statistics, softmax, attention, sorting, reshape) "
        "and let it work over a feature axis"
    ),
    counts_comparisons=True,
)
_RESIZED = (replace(_PAIRS[0], exact=False),)
"""Judged by the noise and on the float64 copy: sums over more numbers may round differently."""
_ROUNDED = replace(
    _WORDING,
    agree="no row is changed by its neighbours, except for rounding: they change what is added up",
)


def examine(evidence: Evidence) -> Verdict:
    """Compare the kept rows bit by bit."""
    measured = (evidence.details(pair.candidate, NeighbourDetails) for pair in _PAIRS)
    details = [each for each in measured if each]
    reason = _why_not_judged(evidence, details)
    if reason is not None:
        return Verdict.skip(reason)
    is_resized = any(each.get("resized") for each in details)
    # A stated limit on outputs makes no leak right.
    measured_only = replace(evidence, policy=Policy(exact=evidence.policy.exact))
    verdict = (
        agreement(measured_only, _RESIZED, _ROUNDED) if is_resized else agreement(evidence, _PAIRS, _WORDING)
    )
    return replace(verdict, message="; ".join([verdict.message, *_remarks(verdict, details)]))


def _remarks(verdict: Verdict, details: Sequence[NeighbourDetails]) -> Iterator[str]:
    over = [judged for judged in verdict.judged if not judged.within]
    if over and worst(over).comparison.nonfinite:
        yield "it happens if a neighbour is NaN or huge"
    refused = ", ".join(dict.fromkeys(filler for each in details for filler in each.get("refused", ())))
    if refused:
        yield f"a batch with {refused} among its rows is refused as a whole"


def _why_not_judged(evidence: Evidence, details: Sequence[NeighbourDetails]) -> str | None:
    if find_error(evidence, SHAPE_VARIES) is not None:
        return f"{SHAPE_VARIES}, see KC102 batch-size"
    if any(each.get("deterministic") is False for each in details):
        return "the same batch from the same state gives different outputs each time, see KC203 repeatability"
    if any(each.get("misshapen") for each in details):
        return "an output has no row axis, see KC102 batch-size"
    if details and all(each.get("alone") for each in details):
        return "the model is built for batches of one row, which has no neighbours"
    return None


CHECK = Check(
    code="KC103",
    name="companion-swap",
    title="a row's outputs are not changed by its neighbours (exact)",
    explanation=__doc__,
    pairs=_PAIRS,
    examine=examine,
)
