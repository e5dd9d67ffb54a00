"""Causes of NaN and infinity: in the rows, in the model, or hidden by a kernel."""

from __future__ import annotations

import math

from keras_consistency_cli.checks.base import Evidence
from keras_consistency_cli.checks.verdict import Verdict
from keras_consistency_cli.diagnosis.base import WRONG_ROWS, Cause, CauseTexts, Failing, is_reported
from keras_consistency_cli.diagnosis.signatures import (
    finds_nonfinite,
    is_nonfinite_on_one_side,
    is_nonfinite_or_information,
    located,
    makes_nonfinite,
    overflows_in_float16,
    rows_are_nonfinite,
)
from keras_consistency_cli.diagnosis.texts.own_mistakes import MAKING_NONFINITE, make_nonfinite
from keras_consistency_cli.routes.numerics.low_precision.hidden_overflow import (
    HIDDEN_OVERFLOW,
    OverflowDetails,
)
from keras_consistency_cli.routes.numerics.low_precision.raised_precision import RaisedDetails

__all__ = ["NONFINITE_CAUSES"]

_BY_VALUES = ("KC101", "KC102", "KC201", "KC202", "KC204", "KC701")


def _hides_nan_of_rows(evidence: Evidence, failing: Failing) -> bool:
    is_dropped = bool(located(evidence, "locate-hidden-nan", "layer"))
    is_hidden = finds_nonfinite("hidden")(evidence, failing) or is_dropped
    return is_hidden and not makes_nonfinite(evidence, failing)


def _name_dropping_layer(evidence: Evidence) -> CauseTexts | None:
    """The texts for a layer that drops NaN in every way of calling the model."""
    if not located(evidence, "locate-hidden-nan", "layer"):
        return None
    return CauseTexts(
        sentence="{layer} drops NaN: the model returns ordinary numbers for rows with NaN",
        advice=f"{_CLEAN_ROWS}\nmodel(x) drops the NaN too",
    )


_CLEAN_ROWS = "clean the rows before the model:\n    bad = ~np.isfinite(x).reshape(len(x), -1).all(axis=1)"


_OVERFLOWS = "{layer} computes in float16, and numbers beyond 65,504 become infinity or NaN there"
_RAISE_LAYER = "compute '{layer}' in float32: give it dtype='float32' and save again"


def _name_raised_layers(evidence: Evidence) -> CauseTexts | None:
    """All layers that must compute in float32; if those tried are not sufficient, scale the numbers."""
    details = evidence.details("raise-precision", RaisedDetails)
    quoted = [f"'{path}'".replace("{", "{{").replace("}", "}}") for path in details.get("raised", ())]
    layers = f"{', '.join(quoted[:-1])} and {quoted[-1]}" if len(quoted) > 1 else "".join(quoted)
    if not details.get("lost_before") or (len(quoted) < 2 and not details["lost"]):
        return None
    if details["lost"]:
        advice = (
            "scale the numbers down before '{layer}', so that they stay below 65,504, or build the whole "
            f"model in float32; {layers} in float32 {'is' if len(quoted) == 1 else 'are'} not sufficient"
        )
    else:
        advice = (
            f"compute {layers} in float32: give each of them dtype='float32' and save again; or scale the "
            "numbers down before '{layer}', so that they stay below 65,504"
        )
    return CauseTexts(sentence=_OVERFLOWS, advice=advice)


def _hiding_layer(evidence: Evidence) -> str | None:
    """The layer or operation in which numbers overflow although the outputs are finite."""
    return evidence.details(HIDDEN_OVERFLOW, OverflowDetails).get("layer") or None


def _name_operation(evidence: Evidence) -> CauseTexts | None:
    """The texts for an operation of the graph, which has no dtype of its own to set."""
    path = _hiding_layer(evidence)
    if path is None or path in {fact.path for fact in evidence.facts.layers}:
        return None
    return CauseTexts(
        sentence=_OVERFLOWS,
        advice="cast to float32 before '{layer}', and back after the operations that follow it:\n"
        "    x = ops.cast(x, 'float32')",
    )


def _is_in_statistics(evidence: Evidence, verdict: Verdict) -> bool:
    """Whether all weights that KC701 names may be those of Normalization layers."""
    layers = [each for each in evidence.data.description.layers if each.kind == "Normalization"]
    values = [numbers for layer in layers for numbers in (layer.mean, layer.sd)]
    bad = sum(not all(map(math.isfinite, numbers)) for numbers in values)
    return verdict.code != "KC701" or 0 < len(verdict.findings.get("weights", ())) <= bad


def _overflows(evidence: Evidence, failing: Failing) -> bool:
    """Whether a layer of float16 makes NaN, or KC401 has found statistics that are infinite in it."""
    return overflows_in_float16(evidence, failing) or is_reported("overflow-in-float16", failing)


def _is_overflow(evidence: Evidence, verdict: Verdict) -> bool:
    is_read = verdict.findings.get("cause") == "overflow-in-float16"
    return is_read or is_nonfinite_or_information(evidence, verdict)


def _statistics_overflow(evidence: Evidence) -> CauseTexts | None:
    """The texts for statistics that are finite, but not in the float16 that the layer computes in."""
    if not any(layer.overflows for layer in evidence.data.description.layers):
        return None
    return CauseTexts(
        sentence="{layer} computes in float16, in which its statistics are infinite: these features become 0",
        advice="compute '{layer}' in float32 under any policy: keras.layers.Normalization(dtype='float32')",
    )


def _are_rows_nonfinite(evidence: Evidence, failing: Failing) -> bool:
    """Whether the rows contain NaN, and no mistake is known that makes it of numbers when serving."""
    is_made = bool(failing["KC701"].findings.get("served")) and make_nonfinite(evidence, *MAKING_NONFINITE)
    return rows_are_nonfinite(evidence, failing) and not is_made


NONFINITE_CAUSES: tuple[Cause, ...] = (
    Cause(
        slug="normalization-not-finite",
        sentence="{layer} was adapted on NaN or on numbers too large for float32: its statistics are lost",
        explanation=(
            "adapt() computes mean and variance in float32, where the square of a number beyond 1.8e19 is "
            "infinite. With an infinite variance the feature becomes 0 in every row, so the model does not "
            "see it; with an infinite mean, or NaN, the outputs are NaN."
        ),
        key=("KC401",),
        explains=("KC401", "KC402", "KC403", *_BY_VALUES, *WRONG_ROWS),
        covers=_is_in_statistics,
        advice=(
            "adapt '{layer}' on rows without NaN and without such large values, clipped or as logarithms, "
            "and prepare the rows in the same way; then train again and save"
        ),
    ),
    Cause(
        slug="nan-hidden",
        sentence="predict returns an ordinary number where model(x) returns NaN",
        explanation=(
            "With oneDNN, Dense, Conv2D or DepthwiseConv2D fused with relu or relu6 returns 0.0 for NaN in "
            "predict (tensorflow#119628). On TensorFlow, MaxPooling1D, 2D and 3D and argmax drop NaN in "
            "predict and in model(x): the greatest of the other numbers is returned, or -3.4e38 if all are "
            "NaN (by MaxPooling3D on some processors: -inf or NaN). GlobalMaxPooling keeps NaN, unless the "
            "model is compiled with jit_compile=True. JAX and torch keep NaN in max pooling. A bad row then "
            "looks like a good one."
        ),
        key=("KC701",),
        explains=_BY_VALUES,
        fits=_hides_nan_of_rows,
        advice=f"{_CLEAN_ROWS}\nTF_ENABLE_ONEDNN_OPTS=0 shows the NaN in predict too",
        specific=_name_dropping_layer,
        locator="locate-hidden-nan",
    ),
    Cause(
        slug="non-finite-input",
        sentence="the rows contain NaN or infinity",
        explanation=(
            "Missing values reached the model. Its outputs for these rows mean nothing. In a model that "
            "mixes rows or keeps state, the outputs of other rows become NaN too."
        ),
        key=("KC701",),
        explains=("KC701",),
        fits=_are_rows_nonfinite,
        advice="impute or drop these rows before the model, both in training and in serving",
    ),
    Cause(
        slug="overflow-in-float16",
        sentence=_OVERFLOWS,
        explanation=(
            "Under a policy such as mixed_float16, Keras casts the inputs and the statistics of a layer to "
            "float16 before it computes. A column of incomes, a variance or a sum then exceeds the range of "
            "float16, although all inputs are finite. In float64 the same weights give finite outputs."
        ),
        key=("KC701", "KC401"),
        explains=(*_BY_VALUES, "KC205", "KC401", "KC602", "KC603"),
        fits=_overflows,
        covers=_is_overflow,
        advice=_RAISE_LAYER,
        specific=lambda evidence: (
            _name_operation(evidence) or _name_raised_layers(evidence) or _statistics_overflow(evidence)
        ),
        locator="locate-nonfinite",
        suspect=_hiding_layer,
    ),
    Cause(
        slug="non-finite-output",
        sentence="{layer} turns finite numbers into NaN or infinity",
        explanation=(
            "A weight is NaN, a logarithm or root gets a negative number, a number is divided by zero, or a "
            "narrow type overflows. From this layer on, every number of the row is lost."
        ),
        key=("KC701",),
        explains=_BY_VALUES,
        fits=makes_nonfinite,
        covers=is_nonfinite_on_one_side,
        advice=(
            "in '{layer}' keep divisors and the arguments of logarithms and roots above 0, such as "
            "ops.log(ops.maximum(x, 1e-6)), limit the argument of exponentials, such as "
            "ops.exp(ops.minimum(x, 80.0)), and search its weights for NaN"
        ),
        locator="locate-nonfinite",
    ),
)
"""Most specific first."""
