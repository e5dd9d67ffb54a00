"""What `adapt()` on the rows to be predicted would do. Information, never a failure.

Why: a Normalization layer remembers mean and variance of the training rows. `layer.adapt(x)` at prediction time, or a
pipeline that rebuilds the layer for each request, replaces them by those of the rows at hand, as `fit_transform` does
to a scaler: a batch is scaled by its neighbours, a single row becomes all zeros.

How: the model is called while each Normalization layer takes its statistics from what it is given: from all rows, from
each batch, from each row alone. Nothing in the model is changed. The answers are held against those with the remembered
statistics.

To fix: call `adapt` once, on the training rows, before the model is saved, and never when serving.

Sources: https://keras.io/api/layers/preprocessing_layers/numerical/normalization/.
"""

from __future__ import annotations

from keras_consistency_cli.checks.agreement import judge_pairs
from keras_consistency_cli.checks.analysis.served_rows import damage, nothing_ran
from keras_consistency_cli.checks.base import Check, Evidence, Pair, Status, Verdict

__all__ = ["CHECK"]

_WAYS = {"adapt-all": "to all rows", "adapt-batches": "to each batch", "adapt-single": "to each row alone"}
_PAIRS = tuple(Pair(candidate=name, reference="call") for name in _WAYS)


def examine(evidence: Evidence) -> Verdict:
    """Tell what each way of adapting does to the predictions."""
    stopped = nothing_ran(evidence, tuple(_WAYS))
    if stopped is not None:
        return stopped
    told, shifts = [], {}
    for pair in _PAIRS:
        judged = tuple(judge_pairs(evidence, (pair,)))
        if judged:
            told.append(f"{_WAYS[pair.candidate]}, predictions {damage(judged, evidence.rows)}")
            shifts[pair.candidate] = dict(evidence.traces[pair.candidate].details.get("shifts", {}))
    findings = {"mean_moves_by_deviations": shifts, "predictions": told}
    return Verdict(
        status=Status.PASS, message=f"adapted anew {'; '.join(told)} (information)", findings=findings
    )


CHECK = Check(
    code="KC403",
    name="adapt-at-prediction",
    title="what adapt() on these rows would do (information)",
    explanation=__doc__,
    pairs=_PAIRS,
    examine=examine,
)
