"""How causes in batches are confirmed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from keras_consistency_cli.checks.base import Evidence
from keras_consistency_cli.checks.verdict import Judged
from keras_consistency_cli.diagnosis.base import Failing
from keras_consistency_cli.diagnosis.confirmations.base import (
    Confirmation,
    ConfirmationResult,
    first_confirmed,
    read_by_check,
    replacing_outputs_removes_difference,
)
from keras_consistency_cli.measurement.comparison import Comparison
from keras_consistency_cli.routes.calling.neighbours import NeighbourDetails
from keras_consistency_cli.routes.locating.activation_patching import PatchDetails
from keras_consistency_cli.routes.locating.layers import LocatedLayer
from keras_consistency_cli.routes.trace import FLOAT64_COPY

__all__ = ["BATCH_CONFIRMATIONS"]


def size_has_effect_in_float64(evidence: Evidence, failing: Failing) -> ConfirmationResult | None:
    """Neighbours change no bit, and size or position change outputs by more than rounding leaves in float64.

    Kernels that round differently for one row than for many show the first of these facts too.
    """
    pairs = evidence.comparisons.get(("companions", "companions-baseline"), ())
    if not pairs or not all(each.identical for each in pairs):
        return None
    details = [evidence.details(name, NeighbourDetails) for name in _NEIGHBOURS]
    if any(each.get("deterministic") is False for each in details):
        explanation = "the same batch from the same state gives different outputs: something else changes too"
        return ConfirmationResult(confirmed=False, explanation=explanation)
    beyond = _judged_by_batch(failing)
    same = "with the same batch size and position, different neighbours change no bit"
    changes = f"{same}; a different size or position changes outputs by"
    left = [judged for judged in beyond if judged.limit.measure == "float64"]
    if left:
        most = max(left, key=lambda judged: judged.deviation)
        rounding = f"where rounding leaves at most {most.limit.value:.1e}"
        explanation = f"{changes} {most.deviation:.1e} in float64, {rounding}"
        return ConfirmationResult(confirmed=True, explanation=explanation)
    kept = [pair.max_abs for judged in beyond if (pair := _pair_left_in_float64(judged)) is not None]
    if kept:
        return ConfirmationResult(confirmed=True, explanation=f"{changes} {max(kept):.1e} in float64, too")
    explanation = f"{same}; {_why_not_in_float64(evidence, beyond)}"
    return ConfirmationResult(confirmed=False, explanation=explanation)


def _judged_by_batch(failing: Failing) -> list[Judged]:
    """Return what the checks of batches judged and found beyond its limit."""
    codes = _BY_BATCH & failing.keys()
    return [judged for code in codes for judged in failing[code].judged if not judged.within]


def _pair_left_in_float64(judged: Judged) -> Comparison | None:
    """Return the comparison on the float64 copy if its difference is no rounding, which shrinks by 2⁻²⁹."""
    pair, in_float64 = judged.comparison, judged.float64_pair
    is_left = in_float64 is not None and in_float64.max_abs > _NO_ROUNDING * pair.max_abs > 0
    return in_float64 if is_left else None


def _why_not_in_float64(evidence: Evidence, beyond: Sequence[Judged]) -> str:
    copy = evidence.traces.get(FLOAT64_COPY)
    if copy is None or not copy.ran:
        return "there is no float64 copy, on which rounding would disappear"
    if all(each.float64_pair is None for each in beyond):
        return "the same was not compared in float64, where rounding would disappear"
    return "in float64 no difference is left, so kernels may round differently"


def neighbours_change_rows(evidence: Evidence, _failing: Failing) -> ConfirmationResult | None:
    """Rows of a known batch change with their neighbours, by code between layers, which cannot be held."""
    located = evidence.details("locate-companions", LocatedLayer)
    patched = evidence.details("hold-companions", PatchDetails)
    if not located.get("mixed") or patched.get("left", 0.0) is not None:
        return None
    kept = f"rows that stay in place in a batch of {located['batch']} change if only their neighbours change"
    explanation = f"{kept}; no layer does that, so the cause is in the call() of {patched['own_code']}"
    return ConfirmationResult(confirmed=True, explanation=explanation)


def size_is_refused(_evidence: Evidence, failing: Failing) -> ConfirmationResult | None:
    """Batches of some sizes crash, or change the shape of the outputs."""
    findings = failing["KC102"].findings if "KC102" in failing else {}
    if not findings.get("refused") and not findings.get("shape_varies"):
        return None
    what = "some batch sizes crash, others do not" if findings.get("refused") else "the shape varies by size"
    return ConfirmationResult(confirmed=True, explanation=f"run with several batch sizes: {what}")


_NEIGHBOURS = ("companions", "companions-float64")
_BY_BATCH = {"KC101", "KC102", "KC104"}
_NO_ROUNDING = 2.0**-10
"""Share of a difference that is left in float64 if it is in the code, far more than rounding leaves."""
_HOLDS_LAYER = Confirmation(
    how="the layer is given its output from before the neighbours were replaced",
    test=replacing_outputs_removes_difference(
        "hold-companions", "with the output of {layers} replaced", "neighbours change no bit"
    ),
    routes=("hold-companions",),
)

BATCH_CONFIRMATIONS: Mapping[str, Confirmation] = {
    "batch-statistics-in-inference": _HOLDS_LAYER,
    "cross-sample-dependence": Confirmation(
        how=(
            f"{_HOLDS_LAYER.how}; or, if code between layers is at fault, rows keep their place, only their "
            "neighbours are replaced, and the outputs change"
        ),
        test=first_confirmed(_HOLDS_LAYER.test, neighbours_change_rows),
        routes=_HOLDS_LAYER.routes,
    ),
    "batch-size-dependence": Confirmation(
        how=(
            "with replaced neighbours the outputs keep the same bits, also of the rows that differ most in "
            "the batches in which they do, and on the float64 copy a different batch size or position "
            "changes them by more than rounding, and two runs of one batch do not differ; or some batch "
            "sizes crash"
        ),
        test=first_confirmed(size_is_refused, size_has_effect_in_float64),
    ),
    "state-batch-mismatch": read_by_check(
        "the output rows of a short last batch are counted",
        "counted: a short last batch gives more output rows than it has rows",
        "KC102",
        finding="given",
        if_not="the batch size is built into the model and cannot be changed",
    ),
    "outputs-not-per-sample": read_by_check(
        "output rows are counted",
        "counted: the number of output rows differs from the number of input rows",
        "KC102",
        "KC501",
        finding="output_rows",
    ),
}
