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
    read_by_check,
    reported_by_check,
)
from keras_consistency_cli.measurement.rounding import PLAUSIBLE_FACTOR

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
    if 0 < excess <= PLAUSIBLE_FACTOR:
        return ConfirmationResult(
            confirmed=True,
            explanation=(
                "rounding that is added to the float64 copy layer by layer gives a difference of this size "
                f"(that of predict is {excess:.2g} × as large)"
            ),
        )
    return None


PRECISION_CONFIRMATIONS: Mapping[str, Confirmation] = {
    "eager-differs": Confirmation(
        how="the layer alone is run on the same inputs, eagerly and in a graph", test=layer_alone_differs
    ),
    "target-scaler-foreign": cannot_test(
        "the recorded outputs follow a different line than the scaler; they may also be in units of their own"
    ),
    "recorded-in-other-form": read_by_check(
        "today's outputs are reordered or rescaled, and this reproduces the recorded ones",
        "reordered or rescaled, today's outputs equal the recorded ones",
        "KC802",
        finding="forms",
    ),
    "answers-moved": cannot_test("only numbers were recorded, not the model that produced them"),
    "device-precision": cannot_test("the whole layer runs on one device"),
    "kernel-dependent": read_by_check(
        "only the kernels are changed",
        "only oneDNN or the number of threads differed between the two processes",
        "KC605",
    ),
    "low-precision": Confirmation(
        how="the operations in low precision are read from the compiled graph; or the dtype policy is read",
        test=first_confirmed(
            reported_by_check(
                "read from the compiled graph, whose operations compute in float16 or bfloat16",
                "KC602",
                finding="operations",
            ),
            reported_by_check(
                "read from the dtype policy; the float64 copy of the same weights gives different decisions",
                "KC603",
            ),
            cannot_confirm(
                "based on the difference from float64, which is too large for rounding of float32"
            ),
        ),
    ),
    "rounding": read_by_check(
        "both routes are compared with the model's own rounding noise, measured on the float64 copy",
        "compared with float64: all deviations are within the rounding noise of the model",
        *ROUNDED_BY_KERNELS,
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
