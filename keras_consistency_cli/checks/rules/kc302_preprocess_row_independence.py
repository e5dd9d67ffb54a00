"""Preprocessing rows together and preprocessing them one by one must give the same rows.

Why: a preprocess function that takes its mean, range or categories from the rows of the call works on the
validation set and fails on single requests: its result for a row depends on which rows come with it.

How: the scaler or `--preprocess` function is called on all rows of the sample and on each row alone. Inputs
are compared first, in standard deviations of each column; then the model's outputs for both. A function is
also called twice on the same rows, and its result in an interpreter of its own is compared with its result
here: `hash()` of a text, and numbers drawn when a module is imported, differ in each interpreter.

To fix: compute statistics once, from the training rows, save them, and let the serving code only apply them.

Sources: https://scikit-learn.org/stable/common_pitfalls.html.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from keras_consistency_cli.checks.analysis.output_change import describe_change, stop_without_outputs
from keras_consistency_cli.checks.base import Check, Evidence, Pair
from keras_consistency_cli.checks.judgement import judge_pairs
from keras_consistency_cli.checks.verdict import Judged, Verdict
from keras_consistency_cli.routes.scaling.preprocessed_rows import PreparedRows
from keras_consistency_cli.routes.scaling.scaling import ScalingDetails
from keras_consistency_cli.routes.trace import REFERENCE

__all__ = ["CHECK"]

_ALONE = Pair(candidate="scaled-alone", reference=REFERENCE)
_FRESH = Pair(candidate="fresh-process", reference=REFERENCE)
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
    findings: dict[str, object] = {
        "moved": details.get("moved"),
        "column": details.get("column"),
        "columns": details.get("columns"),
    }
    by = details.get("unsteady", 0.0)
    if by > _SAME:
        message = f"from one call to the next, by up to {by:.2g} standard deviations; {change}"
        return _fail_unrepeatable(message, judged, findings)
    if _differs_elsewhere(evidence, details):
        return _fail_by_process(evidence, details, findings)
    moved = details.get("moved", 0.0)
    if moved <= _SAME:
        message = "rows are preprocessed alone as they are together"
        return Verdict.ok(message, judged=judged, findings=findings)
    message = (
        "a row alone is preprocessed differently than together with other rows; "
        f"{_describe_distance(details)}; {change}"
    )
    return Verdict.fail(message, cause=_ROW_DEPENDENCE, judged=judged, findings=findings)


def _describe_distance(details: ScalingDetails) -> str:
    if math.isfinite(details["moved"]):
        return f"off by up to {details['moved']:.2g} standard deviations in {_place(details)}"
    return f"only one of the two is NaN or infinite, in {_place(details)}"


def _place(details: ScalingDetails) -> str:
    columns = details["columns"]
    if len(columns) > 1:
        place = f"{len(columns)} columns, most in column {details['column']}"
    else:
        place = f"column {columns[0]}"
    return f"{place}, of input '{details['input']}'" if "input" in details else place


def _fail_unrepeatable(how: str, judged: Sequence[Judged], findings: Mapping[str, object]) -> Verdict:
    message = f"the same rows are preprocessed differently {how}"
    return Verdict.fail(message, cause=_UNREPEATABLE, judged=judged, findings=findings)


def _fail_by_process(evidence: Evidence, details: ScalingDetails, findings: Mapping[str, object]) -> Verdict:
    """FAIL with what the other interpreter's rows do to the outputs, and hash() if the code shows it."""
    judged = tuple(judge_pairs(evidence, (_FRESH,)))
    change = f"in each process; outputs {describe_change(judged, evidence.rows)}"
    place = details.get("salted")
    if not place:
        return _fail_unrepeatable(change, judged, findings)
    fix = f"in {place}: zlib.crc32(text.encode()) in place of hash(text), then train again"
    why = f"{change}; hash(), in {place}, gives a text a different number in each process"
    return _fail_unrepeatable(why, judged, {**findings, "salted": place, "mend": fix})


def _differs_elsewhere(evidence: Evidence, details: ScalingDetails) -> bool:
    """Whether a fresh interpreter prepared the same rows differently, beyond rounding."""
    here = details.get("prepared", [])
    there = evidence.details(_FRESH.candidate, PreparedRows).get("prepared", [])
    return any(
        len(rows) != len(others) or any(map(_is_different_row, rows, others))
        for rows, others in zip(here, there, strict=False)
    )


def _is_different_row(here: Sequence[float], there: Sequence[float]) -> bool:
    """Whether two rows differ by their weighted sums, compared with the size of the rows."""
    size = max(here[-1], there[-1])
    return any(abs(one - other) > _SAME * size for one, other in zip(here, there, strict=True))


CHECK = Check(
    code="KC302",
    name="preprocess-row-independence",
    title="rows are preprocessed alone as they are together",
    explanation=__doc__,
    pairs=(_ALONE, _FRESH),
    examine=examine,
)
