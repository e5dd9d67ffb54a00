"""How causes in quantised models are confirmed."""

from __future__ import annotations

from collections.abc import Mapping

from keras_consistency_cli.checks.base import Evidence
from keras_consistency_cli.diagnosis.base import Failing
from keras_consistency_cli.diagnosis.confirmations.base import (
    Confirmation,
    ConfirmationResult,
    layer_list,
    read_by_check,
)
from keras_consistency_cli.routes.numerics.quantised.dequantised import QUANTISATION_FACTOR
from keras_consistency_cli.routes.numerics.quantised.quantised_layers import DequantisedDetails

__all__ = ["QUANTISATION_CONFIRMATIONS"]


def floats_remove_the_error(evidence: Evidence, _failing: Failing) -> ConfirmationResult | None:
    """A copy in which the suspected layers compute with floats, and all others as before."""
    details = evidence.details("dequantise-layers", DequantisedDetails)
    if "dequantised" not in details:
        return None
    before, after = details["before"], details["after"]
    explanation = (
        f"with {layer_list(details['dequantised'])} in floats, the error falls from {before:.2g} to "
        f"{after:.2g} × that of quantisation"
    )
    return ConfirmationResult(confirmed=after <= QUANTISATION_FACTOR < before, explanation=explanation)


QUANTISATION_CONFIRMATIONS: Mapping[str, Confirmation] = {
    "quantisation-broken": Confirmation(
        how="the suspected layers compute with floats, and the others stay quantised",
        test=floats_remove_the_error,
        routes=("dequantise-layers",),
    ),
    "quantisation-coarse": read_by_check(
        "the float copy runs with the error of quantisation, and without",
        "measured: the float copy with the error of quantisation, compared with the same copy without",
        "KC606",
    ),
}
