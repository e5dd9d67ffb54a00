"""How causes in quantised models are confirmed."""

from __future__ import annotations

from collections.abc import Mapping

from keras_consistency_cli.checks.base import Evidence
from keras_consistency_cli.diagnosis.base import Failing
from keras_consistency_cli.diagnosis.confirmations.base import (
    Confirmation,
    ConfirmationResult,
    first_confirmed,
    layer_list,
    reported_by_check,
)
from keras_consistency_cli.routes.numerics.quantised.coarse_layers import CoarseDetails
from keras_consistency_cli.routes.numerics.quantised.dequantised import LIMITS_FACTOR, QUANTISATION_FACTOR
from keras_consistency_cli.routes.numerics.quantised.quantised_layers import DequantisedDetails

__all__ = ["QUANTISATION_CONFIRMATIONS"]

_SHOWN = 3
_MEASURED = "measured: the float copy with the error of quantisation, compared with the same copy without"


def floats_remove_the_error(evidence: Evidence, _failing: Failing) -> ConfirmationResult | None:
    """A copy in which the suspected layers compute with floats, and all others as before."""
    details = evidence.details("dequantise-layers", DequantisedDetails)
    if "dequantised" not in details:
        return None
    before, after = details["before"], details["after"]
    beyond_before, beyond_after = details["beyond_before"], details["beyond_after"]
    explanation = (
        f"with {layer_list(details['dequantised'])} in floats, the error falls from {before:.2g} to "
        f"{after:.2g} × that of quantisation"
    )
    is_gone = after <= QUANTISATION_FACTOR and beyond_after <= LIMITS_FACTOR
    was_there = before > QUANTISATION_FACTOR or beyond_before > LIMITS_FACTOR
    return ConfirmationResult(confirmed=is_gone and was_there, explanation=explanation)


def layers_alone_change_the_outputs(evidence: Evidence, _failing: Failing) -> ConfirmationResult | None:
    """The error of quantisation in all layers, in each alone, and in all but those that change most."""
    details = evidence.details("coarse-layers", CoarseDetails)
    if "shares" not in details:
        return None
    shares = ", ".join(f"'{each['layer']}' by {each['share']:.2g}" for each in details["shares"][:_SHOWN])
    without = (
        f"; with {layer_list(details['in_floats'])} in floats, the others by {details['after']:.2g}"
        if details["in_floats"]
        else ""
    )
    explanation = (
        f"quantisation changes the outputs by {details['before']:.2g} of their size; alone, {shares}{without}"
    )
    return ConfirmationResult(confirmed=True, explanation=explanation)


QUANTISATION_CONFIRMATIONS: Mapping[str, Confirmation] = {
    "quantisation-broken": Confirmation(
        how="the suspected layers compute with floats, and the others stay quantised",
        test=floats_remove_the_error,
        routes=("dequantise-layers",),
    ),
    "quantisation-coarse": Confirmation(
        how=(
            "the float copy runs with the error of quantisation, and without; then with that of one layer "
            "after the other"
        ),
        test=first_confirmed(layers_alone_change_the_outputs, reported_by_check(_MEASURED, "KC606")),
    ),
}
