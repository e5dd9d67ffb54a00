"""How causes of backends are confirmed: without the suspect both backends agree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from keras_consistency_cli.checks.base import Evidence
from keras_consistency_cli.diagnosis.base import Failing
from keras_consistency_cli.diagnosis.causes.targets.backend_evidence import (
    CUT,
    LAYER,
    LOW,
    NAN,
    REFUSES,
    bound_layer,
    differing_details,
    held_layers,
    suspected_layers,
)
from keras_consistency_cli.diagnosis.confirmations.base import (
    Confirmation,
    ConfirmationResult,
    layer_list,
)
from keras_consistency_cli.routes.backends.layers import SuspectedLayer

__all__ = ["BACKEND_CONFIRMATIONS"]


def _layers_held(evidence: Evidence, failing: Failing) -> ConfirmationResult | None:
    """The suspects were given their tensors on the backend in use."""
    held, suspects = held_layers(evidence, failing), suspected_layers(evidence)
    if held:
        text = f"{_what_was_held(held)} on the backend in use, the model gives the outputs of predict"
        return ConfirmationResult(confirmed=True, explanation=text)
    if not suspects:
        return _names_other_backend(evidence)
    left = max(suspects[-1]["left"].values(), default=0.0)
    text = f"{_what_was_held(suspects)} on the backend in use, the model still differs by {left:.2g}"
    return ConfirmationResult(confirmed=False, explanation=text)


def _what_was_held(held: Sequence[SuspectedLayer]) -> str:
    """Say which layers got which tensors: the outputs, or the inputs that code before the layer computes."""
    layers = dict.fromkeys(each["layer"] for each in held if not each["code"])
    codes = {each["layer"]: each["code"] for each in held if each["code"]}
    parts = [f"the outputs of {layer_list(layers)}"] if layers else []
    if codes:
        owners = ", ".join(dict.fromkeys(codes.values()))
        parts.append(f"the inputs of {layer_list(codes)}, which the code of {owners} computes,")
    return f"given {' and '.join(parts)}"


def _names_other_backend(evidence: Evidence) -> ConfirmationResult | None:
    bound = bound_layer(evidence)
    if bound is None:
        return None
    text = f"the error comes from {bound['kind']}, whose code calls {bound['uses']}"
    return ConfirmationResult(confirmed=True, explanation=text)


def _nan_left_out(evidence: Evidence, _failing: Failing) -> ConfirmationResult | None:
    count = differing_details(evidence).get("nonfinite", 0)
    text = f"without the {count} rows of NaN and infinity both backends give the same outputs"
    return ConfirmationResult(confirmed=True, explanation=text) if count else None


def _integers_cut(_evidence: Evidence, _failing: Failing) -> ConfirmationResult | None:
    text = "with whole numbers cut to 32 bits, the backend in use gives the outputs of this one"
    return ConfirmationResult(confirmed=True, explanation=text)


def _outputs_are_float32(_evidence: Evidence, failing: Failing) -> ConfirmationResult:
    dtypes = failing["KC607"].findings.get("dtypes", {})
    if "float32" in dtypes.values():
        text = "the outputs are float32 where those of predict are float64"
        return ConfirmationResult(confirmed=True, explanation=text)
    text = "the difference is that of float32, and no other precision can be chosen on this backend"
    return ConfirmationResult(confirmed=False, explanation=text)


BACKEND_CONFIRMATIONS: Mapping[str, Confirmation] = {
    REFUSES: Confirmation(
        how="the layers that raise an error get their outputs on the backend in use, and the model then "
        "agrees; or the code of the layer that raises the error was read, and calls a different backend",
        test=_layers_held,
    ),
    LAYER: Confirmation(
        how="the layers that differ get their outputs on the backend in use; the model then agrees",
        test=_layers_held,
    ),
    NAN: Confirmation(how="rows of NaN and infinity are left out", test=_nan_left_out),
    CUT: Confirmation(how="the backend in use gets whole numbers cut to 32 bits", test=_integers_cut),
    LOW: Confirmation(
        how="the outputs are float32 where those of predict are float64; with the rounding of float32",
        test=_outputs_are_float32,
    ),
}
