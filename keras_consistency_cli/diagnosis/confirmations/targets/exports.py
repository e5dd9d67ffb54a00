"""How causes of exports are confirmed: a change makes export and model agree, or a check reads the fault."""

from __future__ import annotations

from collections.abc import Mapping

from keras_consistency_cli.checks.base import Evidence
from keras_consistency_cli.diagnosis.base import Failing, is_reported
from keras_consistency_cli.diagnosis.confirmations.base import (
    Confirmation,
    ConfirmationResult,
    ConfirmationTest,
    layer_list,
)
from keras_consistency_cli.diagnosis.exports import (
    count_cut,
    describe_other_weights,
    helpful_change,
    is_random_when_called,
    list_unknown_layers,
)

__all__ = ["EXPORT_CONFIRMATIONS"]

_STALE, _SATURATED, _LAYER = "export-stale", "export-saturated", "export-layer-differs"
_NOT_EXCHANGED = "a layer of an export cannot be exchanged; its values are compared layer by layer"

_CHANGES: Mapping[str, str] = {
    _STALE: "with the weights that the export holds ({how}), the model gives the outputs of the export",
    "export-inputs-reordered": "with its inputs exchanged ({how}) the export gives the model's outputs",
    "export-outputs-reordered": "with its outputs exchanged ({how}), the export gives those of the model",
    "export-scales-itself": "on rows before scaling ({how}) the export gives the model's outputs",
    "export-overflows": "on rows of a thousandth of the size the outputs of the export are finite",
    "export-expects-other-rows": "on changed rows ({how}) the export gives the outputs of the model",
    "export-narrows-rows": "on rows in the export's types ({how}) the model gives its outputs",
    "export-nan-differs": "without the rows of NaN and infinity ({how}) both give the same outputs",
    "export-transforms-outputs": "with a function of its outputs ({how}) the model gives those of the export",
    "export-predict-step-lost": "without its own predict_step the model gives the outputs of the export",
    "export-mask-lost": "without masks ({how}) the model gives the outputs of the export",
    "export-epsilon-differs": "with another epsilon ({how}) the model gives the outputs of the export",
    "export-training-true": "in training mode the model gives the outputs of the export",
    "export-low-precision": "in float32 the same file gives the outputs of the model",
    "runtime-optimiser": "without optimizations the same file gives the outputs of the model",
}
"""What was changed, and what happened then."""

_COUNTED: Mapping[str, str] = {
    _SATURATED: "several outputs are equal to the export's largest or smallest one, the model's are beyond"
}

_READ: Mapping[str, str] = {
    "export-sums-saturate": "with exact sums of 8-bit products the same file is much nearer to the model",
    "export-neighbours": "rows kept, only their neighbours replaced: outputs of the export change",
    "export-batch-frozen": "read from the shapes of the inputs, or two rows are refused and one is not",
    "export-state-frozen": "two calls of the export are equal, two calls of the model differ",
    "export-state-carried": "two calls of the export differ, its first calls after loading it do not",
    "export-unrepeatable": "two calls of the export differ, and so do the first calls after loading it twice",
    "export-fails": "model.export was tried",
    "unsupported-operators": "the runtime refuses the file and names the operators",
    "export-statistics-lost": "the inputs of the export were read",
    "export-weights-missing": "variables that the file reads, and that nothing assigns, were counted",
    "export-size-frozen": "the shapes of the export's inputs are compared with those of the rows",
    "export-of-other-model": "the inputs and outputs of the export were read",
    "export-unloadable": "the runtime was tried",
}
"""Causes that a check reads directly."""


def _confirmed(slug: str) -> ConfirmationTest:
    def test(evidence: Evidence, failing: Failing) -> ConfirmationResult | None:
        explanation = _explanation(slug, evidence, failing)
        return None if explanation is None else ConfirmationResult(confirmed=True, explanation=explanation)

    return test


def _explanation(slug: str, evidence: Evidence, failing: Failing) -> str | None:
    """Return how a cause of an export is confirmed, None if it is not."""
    if slug in _READ:
        return _READ[slug] if is_reported(slug, failing) else None
    if slug == _SATURATED:
        count = count_cut(evidence, failing)
        text = f"{count} outputs are equal to the export's largest or smallest one, the model's go on"
        return text if count else None
    if slug == "export-training-true" and is_random_when_called(evidence, failing):
        return "two calls of the model without a training argument differ as well, two predictions do not"
    result = helpful_change(slug, evidence, failing)
    return None if result is None else _CHANGES[slug].format(how=result.get("how", ""))


def _confirmed_stale(evidence: Evidence, failing: Failing) -> ConfirmationResult | None:
    """By the weights of the export; if they do not explain its outputs, the reason says what was found."""
    reason = describe_other_weights(evidence)
    not_certain = ConfirmationResult(confirmed=False, explanation=reason) if reason else None
    return _confirmed(_STALE)(evidence, failing) or not_certain


def _located_between(evidence: Evidence, _failing: Failing) -> ConfirmationResult:
    """The layer is not certain, and the layers before it without values may be the one as well."""
    unknown = list_unknown_layers(evidence)
    also = f"; the export holds no values of {layer_list(unknown)} before it" if unknown else ""
    return ConfirmationResult(confirmed=False, explanation=f"{_NOT_EXCHANGED}{also}")


EXPORT_CONFIRMATIONS: Mapping[str, Confirmation] = {
    slug: Confirmation(how=how.replace(" ({how})", ""), test=_confirmed(slug))
    for slug, how in {**_CHANGES, **_COUNTED, **_READ}.items()
} | {
    _STALE: Confirmation(how=_CHANGES[_STALE].replace(" ({how})", ""), test=_confirmed_stale),
    _LAYER: Confirmation(how=f"not: {_NOT_EXCHANGED}", test=_located_between),
}
