"""Normalization layers must be adapted, and compute with the statistics in their weights.

Why: a Normalization layer that was never adapted changes nothing, without any error: mean 0, variance 1. One
that was adapted on a single row divides by almost zero. And `set_weights`, or a clone, changes the weights of
a layer that continues to compute with its earlier statistics (keras#20147, keras#20168).

How: the statistics are read from the loaded model: those that the layer computes with, and those in its
weights. The look of the rows that reach the layer shows whether a layer that changes nothing does harm; if
not, the model was trained like that, and it is not a fault. A layer adapted on a few rows is recognized by
the count that Keras 2 stored, or by means and variances of whole
numbers that only a few rows can have. With reference rows, the statistics are compared with theirs, in
standard deviations, beyond the scatter of so many rows. A layer for images may have the statistics of the
photos that a pretrained part was trained on: only larger differences count. A variance that is the standard
deviation of the reference rows is named. A layer that has the statistics of the reference
rows before a scaler is not stale: KC402 reports that it gets scaled rows. Statistics that are NaN or infinite
fail.

To fix: call `layer.adapt(x_train)` before training and save again; after `set_weights` call
`layer.finalize_state()`.

Sources: keras#20147, keras#20168.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from keras_consistency_cli.checks.analysis.scaling_state import by_input
from keras_consistency_cli.checks.analysis.small_samples import SmallSample, find_small_sample
from keras_consistency_cli.checks.analysis.staleness import (
    describe_stale_features,
    find_stale_features,
    is_adapted_on_unscaled_rows,
)
from keras_consistency_cli.checks.base import Check, Evidence
from keras_consistency_cli.checks.verdict import Status, Verdict
from keras_consistency_cli.measurement.data_facts import DataFacts, PreprocessingFact
from keras_consistency_cli.text import format_count

__all__ = ["CHECK"]

_FAR_MEAN, _WIDE = 2.0, 3.0
"""Rows with a mean this far from 0, or a deviation this large, are not standardized."""
_FEW = 10
"""Values of a feature that are too few to adapt on."""
_IMAGE_AXES = 3
_PRETRAINED_SHIFT, _PRETRAINED_FACTOR = 2.0, 3.0
"""By how many standard deviations the means of two sets of photos differ at most, and by which factor their
spreads."""
_SAME_DEVIATION = 0.05
_UNADAPTED, _STALE = "normalization-unadapted", "normalization-stale"
_NOT_FINITE, _OVERFLOW = "normalization-not-finite", "overflow-in-float16"
_ADVICE = {
    _OVERFLOW: "compute '{layer}' in float32 under any policy: keras.layers.Normalization(dtype='float32')",
    _NOT_FINITE: (
        "adapt '{layer}' on rows without NaN and without values beyond 1e19, whose squares exceed float32"
    ),
    _UNADAPTED: "adapt '{layer}' on the training rows before training, and save again",
    _STALE: (
        "adapt '{layer}' on the training rows and save again; "
        "in a subclass, call finalize_state() at the end of load_own_variables"
    ),
}


@dataclass(frozen=True, kw_only=True)
class _Problem:
    """A problem of one layer, and the cause that it points to."""

    layer: PreprocessingFact
    status: Status
    message: str
    cause: str
    fix: str = ""


_Test = Callable[[PreprocessingFact, DataFacts], _Problem | None]


def examine(evidence: Evidence) -> Verdict:
    """FAIL for layers with wrong statistics that do harm, else WARN."""
    description = evidence.data.description
    layers = [layer for layer in description.layers if layer.kind == "Normalization"]
    if not layers:
        return Verdict.skip("the model has no Normalization layer")
    problems = [problem for layer in layers if (problem := _first_problem(layer, description)) is not None]
    messages = {problem.layer.path: problem.message for problem in problems}
    if not problems:
        compared = [layer for layer in layers if layer.seen_reference]
        stale = (layer for layer in compared if find_stale_features(layer, description))
        near = "near" if any(_may_be_pretrained(layer, description) for layer in stale) else "with"
        more = f", {near} the statistics of the reference rows" if compared else ""
        message = f"{format_count(len(layers), 'adapted Normalization layer')}{more}"
        return Verdict.ok(_note_identity(layers) or message, findings={"layers": messages})
    worst = max(problems, key=lambda problem: problem.status is Status.FAIL)
    verdict = Verdict.fail if worst.status is Status.FAIL else Verdict.warn
    more = f" ({len(problems)} layers in all)" if len(problems) > 1 else ""
    return verdict(
        worst.message + more,
        cause=worst.cause,
        findings={"layers": messages, "layer": worst.layer.path, **_complete_fix(worst)},
        advice=_ADVICE[worst.cause].format(layer=worst.layer.path),
    )


def _complete_fix(problem: _Problem) -> dict[str, object]:
    return {"mend": problem.fix, "mend_is_complete": True} if problem.fix else {}


def _first_problem(layer: PreprocessingFact, description: DataFacts) -> _Problem | None:
    tests: tuple[_Test, ...] = (
        _not_finite,
        _overflows,
        _unrefreshed,
        _unadapted,
        _zero_variance,
        _few_rows,
        _deviation_as_variance,
        _unlike_reference,
    )
    return next((problem for test in tests if (problem := test(layer, description)) is not None), None)


def _note_identity(layers: Sequence[PreprocessingFact]) -> str:
    """The layer that was never adapted, in words: the model may have been trained like that."""
    path = next((layer.path for layer in layers if not layer.adapted), None)
    if path is None:
        return ""
    return f"'{path}' was never adapted and changes nothing; no rows were given that need it (information)"


def _not_finite(layer: PreprocessingFact, _description: DataFacts) -> _Problem | None:
    if layer.is_finite:
        return None
    pairs = zip(layer.mean, layer.sd, strict=False)
    bad = [at for at, pair in enumerate(pairs) if not all(map(math.isfinite, pair))]
    features = f"{format_count(len(bad), 'feature')}, the first at position {bad[0]}"
    message = f"'{layer.path}' has a mean or variance that is NaN or infinite in {features}"
    return _Problem(layer=layer, status=Status.FAIL, message=message, cause=_NOT_FINITE)


def _overflows(layer: PreprocessingFact, _description: DataFacts) -> _Problem | None:
    """FAIL if a feature is lost because its statistics do not fit the float16 that the layer computes in."""
    lost = layer.overflows
    if not lost:
        return None
    features = f"{format_count(len(lost), 'feature')}, the first at position {lost[0]}"
    size = f"mean {layer.mean[lost[0]]:.3g}, variance {layer.sd[lost[0]] ** 2:.3g}"
    message = f"'{layer.path}' computes in float16, where its statistics are infinite in {features} ({size})"
    return _Problem(layer=layer, status=Status.FAIL, message=message, cause=_OVERFLOW)


def _unrefreshed(layer: PreprocessingFact, _description: DataFacts) -> _Problem | None:
    if layer.consistent:
        return None
    message = f"'{layer.path}' computes with different statistics than its weights hold"
    return _Problem(layer=layer, status=Status.FAIL, message=message, cause=_STALE)


def _unadapted(layer: PreprocessingFact, description: DataFacts) -> _Problem | None:
    """FAIL if a feature that reaches the layer is not standardized."""
    if layer.adapted:
        return None
    message = f"'{layer.path}' was never adapted; it changes nothing (mean 0, variance 1)"
    columns = [] if description.generated else [column for column in layer.seen if column.count]
    worst = max(columns, key=lambda column: max(abs(column.mean), column.sd), default=None)
    if worst is None or (abs(worst.mean) <= _FAR_MEAN and worst.sd <= _WIDE):
        return None
    message += (
        f", and feature '{worst.name}' reaches the model with mean {worst.mean:.3g} "
        f"and deviation {worst.sd:.3g}"
    )
    return _Problem(layer=layer, status=Status.FAIL, message=message, cause=_UNADAPTED)


def _zero_variance(layer: PreprocessingFact, description: DataFacts) -> _Problem | None:
    """Variance 0 is right for a feature that never varies, and only for such a feature."""
    nowhere = not any(layer.sd)
    if description.generated or not layer.seen:
        if len(layer.sd) < 2 or not nowhere:
            return None
        message = f"'{layer.path}' has variance 0 in every feature"
        return _Problem(layer=layer, status=Status.WARN, message=message, cause=_UNADAPTED)
    columns = zip(layer.seen, layer.sd, strict=False)
    varying = [column for column, sd in columns if sd == 0 and column.sd > 0]
    if not varying:
        return None
    single = "; it was adapted on a single row" if nowhere else ""
    message = (
        f"'{layer.path}' has variance 0 in {len(varying)} features that vary, such as '{varying[0].name}'"
        f"{single}; it multiplies them by millions"
    )
    return _Problem(layer=layer, status=Status.FAIL, message=message, cause=_UNADAPTED)


def _few_rows(layer: PreprocessingFact, description: DataFacts) -> _Problem | None:
    """Statistics of few rows: the file says so, or more rows cannot have them. Arguments have no rows."""
    if layer.is_given:
        return None
    if 0 < layer.count < _FEW:
        message = f"'{layer.path}' was adapted on {layer.count} values of each feature, by its stored count"
        return _Problem(layer=layer, status=Status.WARN, message=message, cause=_UNADAPTED)
    sample = None if description.generated else find_small_sample(layer.seen, layer.mean, layer.sd)
    if sample is None:
        return None
    message = f"'{layer.path}' was adapted on {sample.rows} rows, or a small multiple; {_describe(sample)}"
    return _Problem(layer=layer, status=Status.WARN, message=message, cause=_UNADAPTED)


def _describe(sample: SmallSample) -> str:
    rows = sample.rows
    parts = (
        [f"the means of {sample.flags} features of 0 and 1 are multiples of 1/{rows}"] if sample.flags else []
    )
    if sample.numbers:
        parts.append(
            f"mean and variance of {sample.numbers} features of whole numbers are multiples of "
            f"1/{rows} and 1/{rows**2}"
        )
    return ", and ".join(parts)


def _deviation_as_variance(layer: PreprocessingFact, description: DataFacts) -> _Problem | None:
    """FAIL if the variance that was given to the layer is the standard deviation of the reference rows."""
    stale = {feature.name for feature in find_stale_features(layer, description)}
    wrong = [
        math.isclose(sd**2, column.sd, rel_tol=_SAME_DEVIATION)
        for column, sd in zip(layer.seen_reference, layer.sd, strict=False)
        if column.name in stale
    ]
    if not wrong or not all(wrong):
        return None
    message = (
        f"'{layer.path}' has the standard deviation of the reference rows as its variance, "
        f"in {format_count(len(wrong), 'feature')}"
    )
    fix = (
        "give the square of the deviation and train again, or call adapt():\n"
        f"    keras.layers.Normalization(mean=mean, variance=deviation**2)   # '{layer.path}'"
    )
    return _Problem(layer=layer, status=Status.FAIL, message=message, cause=_STALE, fix=fix)


def _may_be_pretrained(layer: PreprocessingFact, description: DataFacts) -> bool:
    """Whether these may be the statistics of the photos that a part of the model was trained on before."""
    reference = by_input(description.reference_fed, layer.input)
    if reference is None or len(reference.shape) < _IMAGE_AXES:
        return False
    return all(
        sd > 0
        and abs(column.mean - mean) < _PRETRAINED_SHIFT * sd
        and 1 / _PRETRAINED_FACTOR < column.sd / sd < _PRETRAINED_FACTOR
        for column, mean, sd in zip(layer.seen_reference, layer.mean, layer.sd, strict=False)
    )


def _unlike_reference(layer: PreprocessingFact, description: DataFacts) -> _Problem | None:
    stale = find_stale_features(layer, description)
    if not stale or is_adapted_on_unscaled_rows(layer, description) or _may_be_pretrained(layer, description):
        return None
    message = f"'{layer.path}' was not adapted on the reference rows; {describe_stale_features(stale)}"
    return _Problem(layer=layer, status=Status.FAIL, message=message, cause=_STALE)


CHECK = Check(
    code="KC401",
    name="normalization-adapted",
    title="Normalization layers are adapted, on the training rows, and agree with their weights",
    explanation=__doc__,
    routes=("rows",),
    examine=examine,
)
