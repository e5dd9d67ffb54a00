"""How causes in rounding, precision, devices and recorded outputs are confirmed."""

from __future__ import annotations

from collections.abc import Mapping

from keras_consistency_cli.checks.base import Evidence
from keras_consistency_cli.diagnosis.base import Failing
from keras_consistency_cli.diagnosis.causes.precision import ROUNDED_BY_KERNELS
from keras_consistency_cli.diagnosis.confirmations.base import (
    Confirmation,
    ConfirmationResult,
    cannot_confirm,
    cannot_test,
    first_confirmed,
    layer_list,
    read_by_check,
    reported_by_check,
)
from keras_consistency_cli.measurement.rounding import MAX_FACTOR
from keras_consistency_cli.routes.numerics.low_precision.coarse_layers import CLOSER
from keras_consistency_cli.routes.numerics.low_precision.raised_precision import RaisedDetails

__all__ = ["PRECISION_CONFIRMATIONS"]


def layer_alone_differs(_evidence: Evidence, _failing: Failing) -> ConfirmationResult | None:
    """The layer alone, run eagerly and in a graph: the signature is this experiment."""
    return ConfirmationResult(
        confirmed=True,
        explanation="for the same inputs, the layer alone gives different outputs in a graph than eagerly",
    )


def small_change_is_amplified(_evidence: Evidence, failing: Failing) -> ConfirmationResult | None:
    """A small change in float64, or rounding added to the float64 copy layer by layer."""
    findings = failing["KC604"].findings if "KC604" in failing else {}
    factors = findings.get("amplification", {})
    if factors and findings.get("cause") == "ill-conditioned":
        return ConfirmationResult(
            confirmed=True,
            explanation=(
                "in float64, where rounding is negligible, a change of 1e-7 becomes "
                f"{max(factors.values()):.1e} times as large"
            ),
        )
    excess = failing["KC602"].findings.get("excess", 0.0) if "KC602" in failing else 0.0
    if 0 < excess <= MAX_FACTOR:
        return ConfirmationResult(
            confirmed=True,
            explanation=(
                "rounding that is added to the float64 copy layer by layer gives a difference of this size "
                f"(that of predict is {excess:.2g} × as large)"
            ),
        )
    return None


def raised_layer_is_closer(evidence: Evidence, _failing: Failing) -> ConfirmationResult | None:
    """The layers of a model with a lower dtype policy that lose its digits, computed in float32."""
    details = evidence.details("raise-precision", RaisedDetails)
    if "layer" not in details:
        return None
    before, after = details["off_before"], details["off"]
    numbers = f"the mean distance from float64 falls from {before:.1e} of the outputs to {after:.1e}"
    done = f"with {layer_list(details['raised'])} in float32, {numbers}"
    if after <= CLOSER * before:
        return ConfirmationResult(confirmed=True, explanation=done)
    return ConfirmationResult(confirmed=False, explanation=f"{done} only: other layers lose precision too")


def difference_vanishes_in_float64(_evidence: Evidence, failing: Failing) -> ConfirmationResult | None:
    """The same routes on the float64 copy; for routes that cannot run there, only the size is known."""
    beyond = [
        judged
        for code in ROUNDED_BY_KERNELS
        if code in failing
        for judged in failing[code].judged
        if not judged.within
    ]
    sized = "all deviations are within the rounding noise of the model"
    without = dict.fromkeys(each.comparison.candidate for each in beyond if each.float64_pair is None)
    if without:
        reason = f"{sized}, but {', '.join(without)} cannot run on the float64 copy"
        return ConfirmationResult(confirmed=False, explanation=reason)
    return ConfirmationResult(confirmed=True, explanation=f"{sized}, and in float64 they disappear")


def kernels_treat_values_differently(_evidence: Evidence, failing: Failing) -> ConfirmationResult | None:
    """Two processes with different kernels: NaN on one side is no rounding, a number may be."""
    if "KC605" not in failing:
        return None
    only = "only oneDNN or the number of threads differed between the two processes"
    if any(judged.comparison.nonfinite for judged in failing["KC605"].judged if not judged.within):
        return ConfirmationResult(confirmed=True, explanation=f"{only}, and only one of them gives NaN")
    reason = f"{only}, but kernels that merely round differently can exceed the limit too"
    return ConfirmationResult(confirmed=False, explanation=reason)


PRECISION_CONFIRMATIONS: Mapping[str, Confirmation] = {
    "eager-differs": Confirmation(
        how="the layer alone is run on the same inputs, eagerly and in a graph", test=layer_alone_differs
    ),
    "target-scaler-foreign": cannot_test(
        "the recorded outputs follow a different line than the scaler; they may also be in units of their own"
    ),
    "recorded-with-other-weights": read_by_check(
        "the model runs with the other weights that the file holds, and gives the recorded outputs",
        "with these weights in the model, it gives the recorded outputs",
        "KC802",
        finding="weights",
    ),
    "recorded-in-other-form": read_by_check(
        "today's outputs are reordered, rescaled or put through a function, and this reproduces the recorded "
        "ones",
        "changed in this way, today's outputs equal the recorded ones",
        "KC802",
        finding="forms",
        if_not="a layer of the model may do what a function behind it does",
    ),
    "recorded-from-other-rows": read_by_check(
        "the model runs on changed rows, and gives the recorded outputs",
        "for rows changed in this way, the model gives the recorded outputs",
        "KC802",
        finding="rows",
    ),
    "recorded-in-training-mode": read_by_check(
        "the model is called with training=True in the same batches, and gives the recorded outputs",
        "with training=True, the model gives the recorded outputs",
        "KC802",
        finding="training",
        if_not="they vary as single calls in training mode do; random numbers cannot be drawn again",
    ),
    "answers-moved": cannot_test("only numbers were recorded, not the model that produced them"),
    "device-precision": cannot_test("the whole layer runs on one device"),
    "kernel-dependent": Confirmation(
        how="only the kernels are changed, and NaN appears or disappears",
        test=kernels_treat_values_differently,
    ),
    "low-precision": Confirmation(
        how=(
            "the layer, with the layers that it needs, is computed in float32, and the outputs come close to "
            "float64; or the operations in low precision are read from the compiled graph"
        ),
        test=first_confirmed(
            raised_layer_is_closer,
            reported_by_check(
                "read from the compiled graph, whose operations compute in float16 or bfloat16",
                "KC602",
                finding="operations",
            ),
            cannot_confirm(
                "based on the difference from float64, which is too large for rounding of float32"
            ),
        ),
        routes=("raise-precision",),
        if_warned=True,
    ),
    "rounding": Confirmation(
        how="the same routes are compared on the float64 copy, where rounding disappears",
        test=difference_vanishes_in_float64,
    ),
    "ill-conditioned": Confirmation(
        how=(
            "inputs or weights are changed by 1e-7 in float64, where rounding is negligible; or rounding is "
            "added to the float64 copy layer by layer"
        ),
        test=small_change_is_amplified,
    ),
    "near-ties": read_by_check(
        "inputs or weights are changed by 1e-7 in float64",
        "in float64, where rounding is negligible, a change of 1e-7 changes decisions",
        "KC604",
    ),
}
