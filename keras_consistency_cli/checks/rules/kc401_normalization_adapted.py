"""Normalization layers must be adapted, on the rows of training, and compute with what they have in their weights.

Why: a Normalization that was never adapted is the identity, without a word: mean 0, variance 1. One that was adapted on
a single row divides by nothing. And `set_weights`, or a clone, changes the weights of a layer that goes on computing
with the statistics it had before (keras#20147, keras#20168).

How: the layer's statistics are read off the loaded model: what it computes with, and what is in its weights. What the
rows look like where they reach the layer tells whether an identity does harm. Layers adapted on a handful of rows are
known by the count that Keras 2 stored, or by means and variances of whole numbers that only a handful of rows can have. With reference rows, the
statistics are held against those, in standard deviations, beyond what so many rows leave to chance.

To fix: call `layer.adapt(x_train)` before training and save again; after `set_weights` call `layer.finalize_state()`.

Sources: keras#20147, keras#20168.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from keras_consistency_cli.checks.analysis.small_samples import Handful, handful
from keras_consistency_cli.checks.base import Check, Evidence, Status, Verdict
from keras_consistency_cli.checks.rules.kc304_scaler_fit import Stale, differences, staleness
from keras_consistency_cli.measurement.facts import DataFacts, PreprocessingFact

__all__ = ["CHECK"]

_FAR_MEAN, _WIDE = 2.0, 3.0
"""Rows whose features lie this far from 0, or spread this wide, are not standardised: an identity does not do for them."""

_FEW = 10
"""Values of a feature that are too few to adapt on."""

_Finding = tuple[Status, str, str]


def examine(evidence: Evidence) -> Verdict:
    """FAIL for layers that are stale, adapted on one row, or never adapted where the rows need it; WARN where they do not, or for few rows."""
    known: DataFacts | None = evidence.data.get("description")
    layers = [layer for layer in known.layers if layer.kind == "Normalization"] if known is not None else []
    if known is None or not layers:
        return Verdict(
            status=Status.SKIP, message="nothing to look at", reason="the model has no Normalization layer"
        )
    found = [(layer, finding) for layer in layers if (finding := _judged(layer, known)) is not None]
    told: dict[str, Any] = {layer.path: finding[1] for layer, finding in found}
    if not found:
        checked = ", and as the reference rows say" if any(layer.seen_reference for layer in layers) else ""
        return Verdict(
            status=Status.PASS,
            message=f"{len(layers)} Normalization layers are adapted{checked}",
            findings={"layers": told},
        )
    layer, (status, message, cause) = max(found, key=lambda each: each[1][0] is Status.FAIL)
    more = f" ({len(told)} layers in all)" if len(told) > 1 else ""
    advice = _ADVICE[cause].format(layer=layer.path)
    return Verdict(
        status=status,
        message=message + more,
        findings={"layers": told, "layer": layer.path, "cause": cause},
        advice=advice,
    )


_ADVICE = {
    "normalization-unadapted": "adapt '{layer}' on the training rows before training, and save again",
    "normalization-stale": (
        "adapt '{layer}' on the training rows, or call its finalize_state() after set_weights, and save "
        "again"
    ),
}


def _judged(layer: PreprocessingFact, known: DataFacts) -> _Finding | None:
    """The first thing that is wrong with a layer."""
    steps: tuple[Callable[[PreprocessingFact, DataFacts], _Finding | None], ...]
    steps = (_unrefreshed, _unadapted, _dividing_by_nothing, _few_rows, _unlike_reference)
    return next((finding for step in steps if (finding := step(layer, known)) is not None), None)


def _unrefreshed(layer: PreprocessingFact, _known: DataFacts) -> _Finding | None:
    if layer.consistent:
        return None
    return (
        Status.FAIL,
        f"'{layer.path}' computes with other statistics than its weights hold",
        "normalization-stale",
    )


def _unadapted(layer: PreprocessingFact, known: DataFacts) -> _Finding | None:
    if layer.adapted:
        return None
    what = f"'{layer.path}' was never adapted: it is the identity, mean 0 and variance 1"
    columns = [] if known.generated else [each for each in layer.seen if each.count]
    worst = max(columns, key=lambda each: max(abs(each.mean), each.sd), default=None)
    if worst is not None and (abs(worst.mean) > _FAR_MEAN or worst.sd > _WIDE):
        what += (
            f", and feature '{worst.name}' reaches the model with mean {worst.mean:.3g} and deviation "
            f"{worst.sd:.3g}"
        )
        return Status.FAIL, what, "normalization-unadapted"
    return Status.WARN, what, "normalization-unadapted"


def _dividing_by_nothing(layer: PreprocessingFact, known: DataFacts) -> _Finding | None:
    """Variance zero is right for a feature that never varies, and for no other."""
    if known.generated or not layer.seen:
        everywhere = len(layer.sd) > 1 and not any(layer.sd)
        return (
            (Status.WARN, f"'{layer.path}' has variance 0 in every feature", "normalization-unadapted")
            if everywhere
            else None
        )
    varying = [each for each, sd in zip(layer.seen, layer.sd, strict=False) if sd == 0 and each.sd > 0]
    if not varying:
        return None
    single = " (adapted on a single row)" if not any(layer.sd) else ""
    message = (
        f"'{layer.path}' has variance 0 in {len(varying)} features that vary, '{varying[0].name}' "
        f"first{single}: it multiplies them by millions"
    )
    return Status.FAIL, message, "normalization-unadapted"


def _few_rows(layer: PreprocessingFact, known: DataFacts) -> _Finding | None:
    """Mean and variance of so few rows are not those of the features: by what the file says, or because no more rows can have them."""
    if 0 < layer.count < _FEW:
        told = f"'{layer.path}' was adapted on {layer.count} values of each feature, by its own count"
        return Status.WARN, told, "normalization-unadapted"
    found = None if known.generated else handful(layer.seen, layer.mean, layer.sd)
    if found is None:
        return None
    told = f"'{layer.path}' was adapted on {found.rows} rows, or a few times as many: {_only_of_few(found)}"
    return Status.WARN, told, "normalization-unadapted"


def _only_of_few(found: Handful) -> str:
    said = (
        [f"the means of {found.flags} features of 0 and 1 are all multiples of 1/{found.rows}"]
        if found.flags
        else []
    )
    numbers = (
        f"mean and variance of {found.numbers} features of whole numbers are multiples of 1/{found.rows} "
        f"and 1/{found.rows**2}"
    )
    return ", and ".join([*said, *([numbers] if found.numbers else [])])


def _unlike_reference(layer: PreprocessingFact, known: DataFacts) -> _Finding | None:
    stale = list(_stale(layer, known))
    if not stale:
        return None
    return (
        Status.FAIL,
        f"'{layer.path}' was not adapted on the reference rows: {differences(stale)}",
        "normalization-stale",
    )


def _stale(layer: PreprocessingFact, known: DataFacts) -> Iterator[Stale]:
    rows = next((each.rows for each in known.reference_fed if each.input == layer.input), 0)
    for column, mean, sd in zip(layer.seen_reference, layer.mean, layer.sd, strict=False):
        found = staleness(
            column.name, (mean, sd), (column.mean, column.sd), rows=rows, kurtosis=column.kurtosis
        )
        if found is not None:
            yield found


CHECK = Check(
    code="KC401",
    name="normalization-adapted",
    title="Normalization layers are adapted, on the training rows, and agree with their weights",
    explanation=__doc__,
    routes=("rows",),
    examine=examine,
)
