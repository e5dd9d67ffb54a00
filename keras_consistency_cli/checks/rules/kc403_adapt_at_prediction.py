"""The effect of calling `adapt()` on the rows to be predicted: information only.

Why: a Normalization layer stores mean and variance of the training rows. `layer.adapt(x)` at prediction time,
or a pipeline that rebuilds the layer for each request, replaces them by those of the current rows, as
`fit_transform` does to a scaler: a batch is scaled by its neighbours, a single row becomes all zeros.

How: the model is called while each Normalization layer takes its statistics from its input: from all rows,
from each batch, from each row alone. The model is not changed. The outputs are compared with those under the
stored statistics.

To fix: call `adapt` once, on the training rows, before the model is saved, and never when serving.

Sources: https://keras.io/api/layers/preprocessing_layers/numerical/normalization/.
"""

from __future__ import annotations

from keras_consistency_cli.checks.analysis.output_change import describe_change, stop_without_outputs
from keras_consistency_cli.checks.base import Check, Evidence, Pair
from keras_consistency_cli.checks.judgement import judge_pairs
from keras_consistency_cli.checks.verdict import Verdict
from keras_consistency_cli.routes.scaling.renormalization import AdaptingDetails

__all__ = ["CHECK"]

_SOURCES = {
    "adapt-all": "to all rows",
    "adapt-batches": "to each batch",
    "adapt-single": "to each row alone",
}
_PAIRS = tuple(Pair(candidate=name, reference="call") for name in _SOURCES)


def examine(evidence: Evidence) -> Verdict:
    """Report what each way of adapting does to the outputs."""
    stopped = stop_without_outputs(evidence, tuple(_SOURCES))
    if stopped is not None:
        return stopped
    changes, shifts = [], {}
    for pair in _PAIRS:
        judged = tuple(judge_pairs(evidence, (pair,)))
        if judged:
            changes.append(f"{_SOURCES[pair.candidate]}, outputs {describe_change(judged, evidence.rows)}")
            shifts[pair.candidate] = evidence.details(pair.candidate, AdaptingDetails).get("shifts", {})
    findings = {"mean_moves_by_deviations": shifts, "predictions": changes}
    return Verdict.ok(f"adapted again {'; '.join(changes)} (information)", findings=findings)


CHECK = Check(
    code="KC403",
    name="adapt-at-prediction",
    title="the effect of adapt() on these rows (information)",
    explanation=__doc__,
    pairs=_PAIRS,
    examine=examine,
    is_slow=True,
)
