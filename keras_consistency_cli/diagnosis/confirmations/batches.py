"""How causes in batches are confirmed."""

from __future__ import annotations

from collections.abc import Mapping

from keras_consistency_cli.checks.base import Evidence
from keras_consistency_cli.diagnosis.base import Failing
from keras_consistency_cli.diagnosis.confirmations.base import (
    Confirmation,
    ConfirmationResult,
    read_by_check,
    replacing_outputs_removes_difference,
)

__all__ = ["BATCH_CONFIRMATIONS"]


def neighbours_have_no_effect(evidence: Evidence, _failing: Failing) -> ConfirmationResult | None:
    """Replaced neighbours at the same batch size and position change no bit."""
    pairs = evidence.comparisons.get(("companions", "companions-baseline"), ())
    if not pairs or not all(each.identical for each in pairs):
        return None
    return ConfirmationResult(
        confirmed=True,
        explanation=(
            "with the same batch size and position, different neighbours change no bit; a different size or "
            "position does"
        ),
    )


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
        how="neighbours are replaced, batch size and position are kept: the outputs keep the same bits",
        test=neighbours_have_no_effect,
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
