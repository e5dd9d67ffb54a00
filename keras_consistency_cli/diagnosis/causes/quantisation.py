"""Causes in quantised models."""

from __future__ import annotations

from collections.abc import Sequence

from keras_consistency_cli.checks.base import Evidence
from keras_consistency_cli.diagnosis.base import Cause, CauseTexts
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
            "with a scale of 1, which cuts numbers above 448 and loses those below 0.002. Outputs are then "
            "wrong by far more than the rounding of quantisation, and saving keeps them so."
        ),
        key=("KC606",),
        explains=("KC606",),
        advice=_IN_FLOATS.replace("NAMES", "'{layer}'") + _FITTING_SCALE,
        locator="locate-quantisation",
        specific=_name_layers,
    ),
    Cause(
        slug="quantisation-coarse",
        sentence="quantisation changes the outputs by more than int8 would: the precision is very low",
        explanation=(
            "int4 keeps 15 values for each weight, and float8 keeps four significant bits of weights and "
            "inputs. Nothing is broken, but the outputs differ from those of the model in floats by several "
            "percent. int8 changes them by about one percent."
        ),
        key=("KC606",),
        explains=("KC606",),
        advice=(
            "quantise the float model to int8 instead: model.quantize('int8')\n"
            "if the low precision is intended and tested, set facts: {{low_precision: accepted}} in the YAML"
        ),
    ),
)
"""Most specific first."""
