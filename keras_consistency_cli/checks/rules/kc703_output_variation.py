"""Different rows should get different outputs.

Why: rows in a range that the model never saw, or statistics that are not those of the rows, drive every unit
to its end: all rows get the same number, or every probability is exactly 0 or 1. Such outputs agree with each
other in every comparison, and say nothing about the rows.

How: the outputs of predict are read: whether an output has the same bits for all rows, although the rows
differ, or a softmax or sigmoid gives 0 and 1 only. The gradient decides whether the rows matter at all: a
warning needs a gradient of exactly zero at every float input. For a softmax this takes a distance of about 90
between the numbers before it; a well trained classifier is far from that. Where values become bins first and
there is no gradient, inputs near zero must change an output that is a fraction. An output that does not
depend on the inputs by its graph is not meant, nor are 0 and 1 that a step or a rounding makes.

To fix: compare the rows with those of training (`--reference`), and look at the statistics of scaler,
Normalization and BatchNormalization.

Sources: tensorflow#38486.
"""

from __future__ import annotations

from keras_consistency_cli.checks.base import Check, Evidence
from keras_consistency_cli.checks.preconditions import stop_unless_run
from keras_consistency_cli.checks.verdict import Verdict
from keras_consistency_cli.routes.calling.gradients import GradientDetails
from keras_consistency_cli.routes.calling.output_variation import OutputVariation
from keras_consistency_cli.routes.calling.prediction import PredictDetails

__all__ = ["CHECK"]

_FEWEST_ROWS = 8
_WITHOUT_GRADIENT = "inputs near zero give a different output"
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
    certain = [name for name in variation["saturated"] if _gives_probabilities(evidence, name)]
    stuck = [name for name in (*variation["constant"], *certain) if _is_flat(evidence, name)]
    if not stuck:
        return Verdict.ok(_describe(variation), findings=findings)
    is_constant = stuck[0] in variation["constant"]
    what = "is the same for all rows" if is_constant else "has only probabilities of 0 and 1"
    how = "the gradient is zero at every float input" if _reaching(evidence, stuck[0]) else _WITHOUT_GRADIENT
    message = (
        f"output '{stuck[0]}' {what}; {variation['distinct']} rows differ, and {how}: the rows are outside "
        "of what the model learned from, or the statistics in the model are those of other rows"
    )
    return Verdict.warn(message, cause="outputs-stuck", findings=findings, advice=_ADVICE)


def _describe(variation: OutputVariation) -> str:
    """The message of a PASS, which does not conceal an output that is the same for all rows."""
    rows = f"{variation['distinct']} different rows"
    if not variation["constant"]:
        return f"outputs vary with {rows}"
    return f"output '{variation['constant'][0]}' is the same for {rows}, which may be intended"


def _gives_probabilities(evidence: Evidence, output: str) -> bool:
    """Whether a softmax or sigmoid makes this output; 0 and 1 from a step or a rounding are intended."""
    return any(fact.name == output and fact.decision is not None for fact in evidence.facts.outputs)


def _is_flat(evidence: Evidence, output: str) -> bool:
    """Whether an output does not react to its inputs.

    Its gradient is exactly zero at every input that reaches it. If none does, because values become bins
    first, other values must change it, and its constant must be a fraction: a whole number may be a decision,
    which is often the same.
    """
    reaching = _reaching(evidence, output)
    if reaching:
        return not any(reaching)
    reacting = evidence.details("gradients", GradientDetails).get("reacting", ())
    return (
        output in reacting and output not in evidence.details("predict", PredictDetails)["variation"]["whole"]
    )


def _reaching(evidence: Evidence, output: str) -> list[float]:
    """The sizes of the gradients of an output at the inputs that it has one for."""
    gradients = evidence.details("gradients", GradientDetails).get("gradients", {}).get(output, {})
    return [size for size in gradients.values() if size is not None]


CHECK = Check(
    code="KC703",
    name="output-variation",
    title="different rows get different outputs",
    explanation=__doc__,
    routes=("predict", "gradients"),
    examine=examine,
    is_slow=True,
)
