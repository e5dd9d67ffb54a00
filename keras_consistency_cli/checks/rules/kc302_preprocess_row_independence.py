"""Preprocessing rows together and preprocessing them one by one must give the same rows.

Why: a preprocess function that takes its mean, range or categories from the rows of the call works on the
validation set and fails on single requests: its result for a row depends on which rows come with it.

How: the scaler or `--preprocess` function is called on all rows of the sample and on each row alone. Inputs
are compared first, in standard deviations of each column; then the model's outputs for both. A function is
also called twice on the same rows, and its result in a second process is compared with its result here.

To fix: compute statistics once, from the training rows, save them, and let the serving code only apply them.

Sources: https://scikit-learn.org/stable/common_pitfalls.html.
"""

from __future__ import annotations

from keras_consistency_cli.checks.analysis.output_change import describe_change, stop_without_outputs
from keras_consistency_cli.checks.base import Check, Evidence, Pair
from keras_consistency_cli.checks.judgement import judge_pairs
from keras_consistency_cli.checks.verdict import Verdict
from keras_consistency_cli.routes.scaling.scaling import PreparedRows, ScalingDetails
from keras_consistency_cli.routes.trace import REFERENCE

__all__ = ["CHECK"]

_ALONE = Pair(candidate="scaled-alone", reference=REFERENCE)
_SAME = 1e-5
"""Standard deviations up to which a row alone may differ: rounding of sums in a different order."""
_ROW_DEPENDENCE = "preprocess-row-dependence"
_UNREPEATABLE = "preprocess-unrepeatable"


def examine(evidence: Evidence) -> Verdict:
    """FAIL if a row alone is preprocessed differently, or cannot be preprocessed."""
    details = evidence.details(_ALONE.candidate, ScalingDetails)
    if details.get("crashed"):
        message = f"a single row cannot be preprocessed, rows together can; {details['reason']}"
        return Verdict.fail(message, cause=_ROW_DEPENDENCE)
    stopped = stop_without_outputs(evidence, (_ALONE.candidate,))
    if stopped is not None:
        return stopped
    judged = tuple(judge_pairs(evidence, (_ALONE,)))
    change = f"outputs {describe_change(judged, evidence.rows)}"
    moved = details.get("moved", 0.0)
    findings = {
        "moved": details.get("moved"),
        "column": details.get("column"),
        "columns": details.get("columns"),
    }
    difference = _unrepeatable(evidence, details)
    if difference:
        message = f"the same rows are preprocessed differently {difference}; {change}"
        return Verdict.fail(message, cause=_UNREPEATABLE, judged=judged, findings=findings)
    if moved <= _SAME:
        message = "rows are preprocessed alone as they are together"
        return Verdict.ok(message, judged=judged, findings=findings)
    message = (
        "a row alone is preprocessed differently than together with other rows; "
        f"off by up to {moved:.2g} standard deviations in {_place(details)}; {change}"
    )
    return Verdict.fail(message, cause=_ROW_DEPENDENCE, judged=judged, findings=findings)


def _place(details: ScalingDetails) -> str:
    columns = details["columns"]
    if len(columns) > 1:
        place = f"{len(columns)} columns, most in column {details['column']}"
    else:
        place = f"column {columns[0]}"
    return f"{place}, of input '{details['input']}'" if "input" in details else place


def _unrepeatable(evidence: Evidence, details: ScalingDetails) -> str:
    """When a preprocess function gives different rows for the same rows; empty if it does not."""
    by = details.get("unsteady", 0.0)
    if by > _SAME:
        return f"from one call to the next, by up to {by:.2g} standard deviations"
    fresh = evidence.details("fresh-process", PreparedRows)
    prepared = {details.get("prepared"), fresh.get("prepared")} - {None}
    return "in each process" if len(prepared) > 1 else ""


CHECK = Check(
    code="KC302",
    name="preprocess-row-independence",
    title="rows are preprocessed alone as they are together",
    explanation=__doc__,
    pairs=(_ALONE,),
    routes=("fresh-process",),
    examine=examine,
)
