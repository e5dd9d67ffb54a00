"""Different rows should get different outputs.

Why: rows in a range that the model never saw, or statistics that are not those of the rows, drive every unit
to its end, and all rows get the same number. Such outputs agree with each other in every comparison, and say
nothing about the rows.

How: the outputs of predict are read: whether an output has the same bits for all rows, although the rows
differ. The gradient decides whether the rows matter at all: a warning needs a gradient of exactly zero at
every float input. An output that does not depend on the inputs by its graph is not meant, nor are classes
that are certain, 0 or 1 everywhere, but differ from row to row.

To fix: compare the rows with those of training (`--reference`), and look at the statistics of scaler,
Normalization and BatchNormalization.

Sources: tensorflow#38486.
"""

from __future__ import annotations

from keras_consistency_cli.checks.base import Check, Evidence
from keras_consistency_cli.checks.preconditions import stop_unless_run
from keras_consistency_cli.checks.verdict import Verdict
from keras_consistency_cli.routes.calling.gradients import GradientDetails
from keras_consistency_cli.routes.calling.prediction import PredictDetails

__all__ = ["CHECK"]

_FEWEST_ROWS = 8
_ADVICE = (
    "give --reference train.npy, rows of the training data, to see whether the rows or the statistics differ"
)


def examine(evidence: Evidence) -> Verdict:
    """WARN if an output does not react to rows that differ."""
    stopped = stop_unless_run(evidence, "predict")
    if stopped is not None:
        return stopped
    if evidence.data.description.generated:
        return Verdict.skip("no rows given: generated rows are not those of the model")
    variation = evidence.details("predict", PredictDetails).get("variation")
    if variation is None or variation["distinct"] < _FEWEST_ROWS:
        return Verdict.skip(f"fewer than {_FEWEST_ROWS} different rows")
    findings = {name: variation[name] for name in ("distinct", "constant", "saturated")}
    stuck = [name for name in variation["constant"] if _is_flat(evidence, name)]
    if not stuck:
        return Verdict.ok(f"outputs vary with {variation['distinct']} different rows", findings=findings)
    message = (
        f"output '{stuck[0]}' is the same for all rows; {variation['distinct']} rows differ, and the "
        "gradient is zero at every float input: the rows are outside of what the model learned from, or the "
        "statistics in the model are those of other rows"
    )
    return Verdict.warn(message, cause="outputs-stuck", findings=findings, advice=_ADVICE)


def _is_flat(evidence: Evidence, output: str) -> bool:
    """Whether the gradient of an output is exactly zero at every input that reaches it."""
    gradients = evidence.details("gradients", GradientDetails).get("gradients", {}).get(output, {})
    reaching = [size for size in gradients.values() if size is not None]
    return bool(reaching) and not any(reaching)


CHECK = Check(
    code="KC703",
    name="output-variation",
    title="different rows get different outputs",
    explanation=__doc__,
    routes=("predict", "gradients"),
    examine=examine,
    is_slow=True,
)
