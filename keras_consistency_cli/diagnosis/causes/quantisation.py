"""Causes in quantised models."""

from __future__ import annotations

from collections.abc import Sequence

from keras_consistency_cli.checks.base import Evidence
from keras_consistency_cli.diagnosis.base import Cause, CauseTexts
from keras_consistency_cli.routes.numerics.quantised.coarse_layers import CoarseDetails
from keras_consistency_cli.routes.numerics.quantised.dequantised import DEQUANTISED, QuantisationDetails
from keras_consistency_cli.routes.numerics.quantised.quantised_layers import DequantisedDetails

__all__ = ["QUANTISATION_CAUSES"]

_SENTENCE = "{layer} loses more than quantisation costs: its numbers do not fit their scale"
_DIRECT = "{layer} runs call() of a quantised layer, which uses the stored numbers without their scale"
_IN_FLOATS = (
    "quantise the float model again, and leave the layer in floats:\n"
    "    model.quantize(mode, filters=lambda layer: layer.name not in [NAMES])\n"
)
_FITTING_SCALE = "or choose int8, which finds a scale for each row: model.quantize('int8')"
_CALL_ITSELF = (
    "or let '{layer}' call the layer itself, inner(x) in place of inner.call(x); in place of "
    "TimeDistributed(Dense(...)) use Dense(...), which works on the last axis of any input"
)
_COARSE = "quantisation changes the outputs by more than int8 would: the precision is very low"
_COARSE_AT = f"{_COARSE}, most of all for {{layer}}"
_LARGEST_IN_FLOATS = (
    "quantise the float model again, and leave the layers that change the outputs most in floats:\n"
    "    model.quantize(mode, filters=lambda layer: layer.name not in [NAMES])\n"
)
_INT8 = "quantise the float model to int8 instead: model.quantize('int8')\n"
_OR_INT8 = "or quantise all of it to int8: model.quantize('int8')\n"
_ONE_SCALE = (
    "or scale the columns before '{layer}', and train again: int8 has one scale for all numbers of a row, "
    "and small ones are lost beside large ones\n"
)
_ACCEPT = "if the low precision is intended and tested, set facts: {{low_precision: accepted}} in the YAML"


def _name_layers(evidence: Evidence) -> CauseTexts | None:
    """The texts with the names of the layers that have to compute with floats, if they are known."""
    direct = evidence.details(DEQUANTISED, QuantisationDetails).get("called_directly", [])
    suspects = evidence.details("dequantise-layers", DequantisedDetails).get("dequantised", direct)
    if not suspects:
        return None
    return CauseTexts(
        sentence=_DIRECT if direct else _SENTENCE,
        advice=_IN_FLOATS.replace("NAMES", _quote(suspects)) + (_CALL_ITSELF if direct else _FITTING_SCALE),
    )


def _name_coarse_layers(evidence: Evidence) -> CauseTexts | None:
    """The texts with the layer whose rounding changes most, and those that have to compute with floats."""
    details = evidence.details("coarse-layers", CoarseDetails)
    if "layer" not in details:
        return None
    in_floats = details.get("in_floats", ())
    first = _LARGEST_IN_FLOATS.replace("NAMES", _quote(in_floats)) if in_floats else ""
    other = _ONE_SCALE if _is_int8(evidence) else _OR_INT8 if in_floats else _INT8
    return CauseTexts(sentence=_COARSE_AT, advice=first + other + _ACCEPT)


def _is_int8(evidence: Evidence) -> bool:
    """Whether all quantised layers are int8 already."""
    policies = evidence.facts.quantised
    return bool(policies) and all(policy.startswith("int8_") for policy in policies)


def _quote(paths: Sequence[str]) -> str:
    """Return the names of these layers as Python source, for a text in which braces are placeholders."""
    names = ", ".join(repr(path.rpartition("/")[2]) for path in paths)
    return names.replace("{", "{{").replace("}", "}}")


QUANTISATION_CAUSES: tuple[Cause, ...] = (
    Cause(
        slug="quantisation-broken",
        sentence=_SENTENCE,
        explanation=(
            "A quantised layer stores whole numbers and a scale. Keras applies the scale if the layer itself "
            "is called, not if TimeDistributed or the code of another layer runs its call(). float8 begins "
            "with a scale of 1, which cuts numbers above 448 and loses those below 0.002. GPTQ and AWQ store "
            "zero points without a sign: where all weights of a group are positive, a zero point below zero "
            "becomes a large one (Keras 3.15.1). Outputs are then wrong by far more than the rounding of "
            "quantisation, and saving keeps them so."
        ),
        key=("KC606",),
        explains=("KC606",),
        advice=_IN_FLOATS.replace("NAMES", "'{layer}'") + _FITTING_SCALE,
        locator="locate-quantisation",
        specific=_name_layers,
    ),
    Cause(
        slug="quantisation-coarse",
        sentence=_COARSE,
        explanation=(
            "int4, GPTQ and AWQ keep 15 or 16 values for each weight, and float8 keeps four significant bits "
            "of weights and inputs. Nothing is broken, but the outputs differ from those of the model in "
            "floats by several percent. int8 changes them by about one percent."
        ),
        key=("KC606",),
        explains=("KC606",),
        advice=_INT8 + _ACCEPT,
        locator="coarse-layers",
        specific=_name_coarse_layers,
    ),
)
"""Most specific first."""
