"""Preprocessing rows together and preprocessing them one by one must give the same rows.

Why: a preprocess function that takes its mean, range or categories from the rows of the call works on the validation
set and fails on single requests: what it makes of a row depends on which rows come with it.

How: the scaler or `--preprocess` function is called on all rows of the sample and on each row alone. Inputs are
compared first, in standard deviations of each column; then the model's answers to both. A function is also called twice on the same
rows, and what it made of them in another process is held against what it made here.

To fix: learn statistics once, from the training rows, save them, and let the serving code only apply them.

Sources: https://scikit-learn.org/stable/common_pitfalls.html.
"""

from __future__ import annotations

from keras_consistency_cli.checks.agreement import judge_pairs
from keras_consistency_cli.checks.analysis.served_rows import damage, nothing_ran
from keras_consistency_cli.checks.base import Check, Evidence, Pair, Status, Verdict
from keras_consistency_cli.routes.trace import REFERENCE, Trace

__all__ = ["CHECK"]

_PAIRS = (Pair(candidate="scaled-alone", reference=REFERENCE),)
_ALIKE = 1e-5
"""Standard deviations up to which a row alone may differ: rounding of sums in another order."""
_CAUSE = "preprocess-row-dependence"
_UNSTEADY = "preprocess-unrepeatable"


def examine(evidence: Evidence) -> Verdict:
    """FAIL where a row alone is preprocessed differently, or not at all."""
    trace = evidence.traces.get("scaled-alone")
    if trace is not None and trace.ran and trace.details.get("crashed"):
        message = f"rows together are preprocessed, a row alone is not: {trace.details['reason']}"
        return Verdict(status=Status.FAIL, message=message, findings={"cause": _CAUSE})
    stopped = nothing_ran(evidence, ("scaled-alone",))
    if stopped is not None or trace is None:
        return stopped or Verdict(status=Status.SKIP, message="nothing to compare", reason="not run")
    judged = tuple(judge_pairs(evidence, _PAIRS))
    moved, findings = (
        trace.details.get("moved", 0.0),
        {key: trace.details.get(key) for key in ("moved", "column", "columns")},
    )
    unsteady = _unsteady(evidence, trace)
    if unsteady:
        message = (
            f"the same rows are preprocessed differently {unsteady}; predictions "
            f"{damage(judged, evidence.rows)}"
        )
        return Verdict(
            status=Status.FAIL, message=message, judged=judged, findings={**findings, "cause": _UNSTEADY}
        )
    if moved <= _ALIKE:
        return Verdict(
            status=Status.PASS,
            message="a row alone is preprocessed as it is among others",
            judged=judged,
            findings=findings,
        )
    columns = trace.details["columns"]
    where = (
        f"{len(columns)} columns, column {trace.details['column']} most"
        if len(columns) > 1
        else f"column {columns[0]}"
    )
    where += f", of input '{trace.details['input']}'" if "input" in trace.details else ""
    message = (
        f"a row alone is preprocessed differently than among others, by up to {moved:.2g} standard "
        f"deviations in {where}"
    )
    message += f"; predictions {damage(judged, evidence.rows)}"
    return Verdict(status=Status.FAIL, message=message, judged=judged, findings={**findings, "cause": _CAUSE})


def _unsteady(evidence: Evidence, trace: Trace) -> str:
    """How a preprocess function fails to give the same rows twice, empty where it does not."""
    by = trace.details.get("unsteady", 0.0)
    if by > _ALIKE:
        return f"from one call to the next, by up to {by:.2g} standard deviations"
    fresh = evidence.traces.get("fresh-process")
    marks = {each.details.get("prepared") for each in (trace, fresh) if each is not None and each.ran} - {
        None
    }
    return "in every process" if len(marks) > 1 else ""


CHECK = Check(
    code="KC302",
    name="preprocess-row-independence",
    title="rows are preprocessed alone as they are together",
    explanation=__doc__,
    pairs=_PAIRS,
    routes=("fresh-process",),
    examine=examine,
)
