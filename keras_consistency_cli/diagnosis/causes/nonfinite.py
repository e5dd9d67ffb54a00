"""Causes of NaN and infinity: in the rows, in the model, or hidden by a kernel."""

from __future__ import annotations

from keras_consistency_cli.checks.base import Evidence
from keras_consistency_cli.diagnosis.base import Cause, Failing
from keras_consistency_cli.diagnosis.signatures import (
    finds_nonfinite,
    is_nonfinite_on_one_side,
    is_nonfinite_or_information,
    makes_nonfinite,
    overflows_in_float16,
    rows_are_nonfinite,
)

__all__ = ["NONFINITE_CAUSES"]

_BY_VALUES = ("KC101", "KC102", "KC201", "KC202", "KC204", "KC701")


def _hides_nan_of_rows(evidence: Evidence, failing: Failing) -> bool:
    return finds_nonfinite("hidden")(evidence, failing) and not makes_nonfinite(evidence, failing)


NONFINITE_CAUSES: tuple[Cause, ...] = (
    Cause(
        slug="nan-hidden",
        sentence="predict returns an ordinary number where model(x) returns NaN",
        explanation=(
            "With oneDNN, Dense or Conv2D fused with relu returns 0.0 for NaN (tensorflow#119628); max "
            "pooling and argmax hide NaN too. A bad row then looks like a good one."
        ),
        key=("KC701",),
        explains=_BY_VALUES,
        fits=_hides_nan_of_rows,
        advice=(
            "clean the rows before the model:\n"
            "    bad = ~np.isfinite(x).reshape(len(x), -1).all(axis=1)\n"
            "TF_ENABLE_ONEDNN_OPTS=0 shows the NaN in predict too"
        ),
    ),
    Cause(
        slug="non-finite-input",
        sentence="the rows contain NaN or infinity",
        explanation=(
            "Missing values reached the model. Its outputs for these rows mean nothing, and in a model that "
            "mixes rows or keeps state they spoil other rows."
        ),
        key=("KC701",),
        explains=("KC701",),
        fits=rows_are_nonfinite,
        advice="impute or drop these rows before the model, both in training and in serving",
    ),
    Cause(
        slug="overflow-in-float16",
        sentence="{layer} computes in float16, and numbers beyond 65,504 become infinity or NaN there",
        explanation=(
            "Under a policy such as mixed_float16, Keras casts the inputs and the statistics of a layer to "
            "float16 before it computes. A column of incomes, a variance or a sum then exceeds the range of "
            "float16, although all inputs are finite. In float64 the same weights give finite outputs."
        ),
        key=("KC701",),
        explains=(*_BY_VALUES, "KC205", "KC602", "KC603"),
        fits=overflows_in_float16,
        covers=is_nonfinite_or_information,
        advice="compute '{layer}' in float32: give it dtype='float32' and save again",
        locator="locate-nonfinite",
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
