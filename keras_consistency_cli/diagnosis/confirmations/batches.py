"""How causes in batches are confirmed."""

from __future__ import annotations

from collections.abc import Mapping

from keras_consistency_cli.checks.base import Evidence
from keras_consistency_cli.diagnosis.base import Failing
from keras_consistency_cli.diagnosis.confirmations.base import (
    Confirmation,
    ConfirmationResult,
    first_confirmed,
    read_by_check,
    replacing_outputs_removes_difference,
)
from keras_consistency_cli.routes.trace import FLOAT64_COPY

__all__ = ["BATCH_CONFIRMATIONS"]


def size_has_effect_in_float64(evidence: Evidence, failing: Failing) -> ConfirmationResult | None:
    """Neighbours change no bit, and size or position change outputs by more than rounding leaves in float64.

    Kernels that round differently for one row than for many show the first of these facts too.
    """
    pairs = evidence.comparisons.get(("companions", "companions-baseline"), ())
    if not pairs or not all(each.identical for each in pairs):
        return None
    left = [
        judged
        for code in _BY_BATCH & failing.keys()
        for judged in failing[code].judged
        if not judged.within and judged.limit.measure == "float64"
    ]
    same = "with the same batch size and position, different neighbours change no bit"
    if not left:
        copy = evidence.traces.get(FLOAT64_COPY)
        why = (
            "in float64 no difference is left, so kernels may round differently"
            if copy is not None and copy.ran
            else "there is no float64 copy, on which rounding would disappear"
        )
        explanation = f"{same}; {why}"
        return ConfirmationResult(confirmed=False, explanation=explanation)
    most = max(left, key=lambda judged: judged.deviation)
    explanation = (
        f"{same}; a different size or position changes outputs by {most.deviation:.1e} in float64, where "
        f"rounding leaves at most {most.limit.value:.1e}"
    )
    return ConfirmationResult(confirmed=True, explanation=explanation)


def size_is_refused(_evidence: Evidence, failing: Failing) -> ConfirmationResult | None:
    """Batches of some sizes crash, or change the shape of the outputs."""
    findings = failing["KC102"].findings if "KC102" in failing else {}
    if not findings.get("refused") and not findings.get("shape_varies"):
        return None
    what = "some batch sizes crash, others do not" if findings.get("refused") else "the shape varies by size"
    return ConfirmationResult(confirmed=True, explanation=f"run with several batch sizes: {what}")


_BY_BATCH = {"KC101", "KC102", "KC104"}
_HOLDS_LAYER = Confirmation(
    how="the layer is given its output from before the neighbours were replaced",
    test=replacing_outputs_removes_difference(
        "hold-companions", "with the output of {layers} replaced", "neighbours change no bit"
    ),
    routes=("hold-companions",),
)

BATCH_CONFIRMATIONS: Mapping[str, Confirmation] = {
    "batch-statistics-in-inference": _HOLDS_LAYER,
    "cross-sample-dependence": _HOLDS_LAYER,
    "batch-size-dependence": Confirmation(
        how=(
            "with replaced neighbours the outputs keep the same bits, and on the float64 copy a different "
            "batch size or position changes them by more than rounding; or some batch sizes crash"
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
