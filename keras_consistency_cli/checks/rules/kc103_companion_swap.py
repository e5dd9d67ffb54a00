"""The other rows of a batch must not change a row's answer, not by a single bit.

Why: a row that is answered according to its neighbours makes predictions irreproducible and can leak one customer's
data into another's answer. Limits cannot find small leaks: 1e-6 of the batch mean hides below rounding. This check
needs no limit.

How: the batch size and the position of a row stay, all other rows are replaced by other real rows, copies of itself, zeros, huge values
and NaN, at the first, middle and last position and in halves that part every ordered pair, at the batch size in use
and at another. The kernels are the same, so the kept row must come out with the same bits, in float32 and on the
float64 copy, where leaks of 1e-9 show. A model that answers the same batch differently from the same state cannot
be judged (see repeatability).

To fix: compute statistics, softmax, attention and normalisation over feature axes; pass `training=False` to
BatchNormalization, or use its moving statistics.

Sources: keras#270, keras#13762.
"""

from __future__ import annotations

from dataclasses import replace

from keras_consistency_cli.checks.agreement import Wording, agreement
from keras_consistency_cli.checks.base import Check, Evidence, Pair, Status, Verdict
from keras_consistency_cli.routes.session.batches import SHAPE_VARIES

__all__ = ["CHECK"]

_PAIRS = (
    Pair(candidate="companions", reference="companions-baseline", exact=True),
    Pair(candidate="companions-float64", reference="companions-float64-baseline", exact=True),
)
_WORDING = Wording(
    agree="no row is changed by its neighbours (same bits)",
    differ="a row's answer changes when only its neighbours change,",
    advice=(
        "find the operation over axis 0 (statistics, softmax, attention, sorting, reshape) and give it a "
        "feature axis"
    ),
)


def examine(evidence: Evidence) -> Verdict:
    """Judge kept rows bit for bit."""
    if any(trace.error and SHAPE_VARIES in trace.error for trace in evidence.traces.values()):
        return _skip(f"{SHAPE_VARIES}: see KC102 batch-size")
    details = [found for name in ("companions", "companions-float64") if (found := evidence.details(name))]
    if any(detail.get("deterministic") is False for detail in details):
        return _skip(
            "the same batch from the same state is answered differently each time: see KC203 repeatability"
        )
    if any(detail.get("misshapen") for detail in details):
        return _skip("an output has no row axis: see KC102 batch-size")
    if details and all(detail.get("alone") for detail in details):
        return _skip("the model is built for a batch of one row, which has no neighbours")
    verdict = agreement(evidence, _PAIRS, _WORDING)
    said = "values are finite on one side only"
    refused = ", ".join(dict.fromkeys(filler for detail in details for filler in detail.get("refused", ())))
    remark = f"; a batch with {refused} among its rows is refused as a whole" if refused else ""
    return replace(
        verdict,
        message=verdict.message.replace(said, "of its values become NaN when a neighbour is NaN or huge")
        + remark,
    )


def _skip(reason: str) -> Verdict:
    return Verdict(status=Status.SKIP, message="cannot be judged", reason=reason)


CHECK = Check(
    code="KC103",
    name="companion-swap",
    title="a row's answer is not changed by its neighbours (exact)",
    explanation=__doc__,
    pairs=_PAIRS,
    examine=examine,
)
