"""Rows should be scaled in float64 and cast afterwards.

Why: float32 keeps seven digits. A feature that varies by 1 around 1,000,000, such as a time stamp or an identifier,
keeps one digit of its variation when it is cast before the mean is subtracted, and the model sees steps. After scaling,
float32 costs nothing that matters; float16 costs three digits at either place.

How: the sample is cast to float32, scaled, and predicted; the answers are held against those for rows scaled as they
are: what such a cast would cost is a warning, and what float16 would cost is among the findings. With `--served`, it is
known whether there is one: rows that show it fail the check, others pass whatever it would cost.

To fix: `scaler.transform(np.asarray(rows, np.float64)).astype(np.float32)`.

Sources: Higham, Accuracy and Stability of Numerical Algorithms, chapter 1.
"""

from __future__ import annotations

from typing import Any

from keras_consistency_cli.checks.agreement import judge_pairs
from keras_consistency_cli.checks.analysis.served_rows import (
    LOW_PRECISION,
    damage,
    harmless,
    mistakes,
    nothing_ran,
    served_verdict,
)
from keras_consistency_cli.checks.base import Check, Evidence, Pair, Status, Verdict
from keras_consistency_cli.routes.trace import REFERENCE

__all__ = ["CHECK"]

_ADVICE = (
    "scale in float64 and cast afterwards; give --served served.npy, the array that serving fed to the "
    "model, to know whether it does"
)
_FIRST = Pair(candidate="float32-first", reference=REFERENCE)
_SERVED = Pair(candidate="served", reference=REFERENCE)
_HALF = Pair(candidate="float16-first", reference=REFERENCE)


def examine(evidence: Evidence) -> Verdict:
    """FAIL where served rows show a cast, WARN where one before scaling would move predictions."""
    found = mistakes(evidence)
    rounded = [each for each in found or () if each.cause == LOW_PRECISION]
    if rounded:
        return served_verdict(
            evidence, rounded, tuple(judge_pairs(evidence, (_SERVED,))), _findings(evidence)
        )
    stopped = nothing_ran(evidence, ("float32-first",))
    if stopped is not None:
        return stopped
    judged = tuple(judge_pairs(evidence, (_FIRST,)))
    details = evidence.traces["float32-first"].details
    cost = (
        f"inputs move by up to {details.get('moved', 0.0):.2g} standard deviations, predictions "
        f"{damage(judged, evidence.rows)}"
    )
    if all(harmless(each) for each in judged):
        within = judged if all(each.within for each in judged) else ()
        message = f"float32 before scaling costs nothing that matters: {cost}"
        return Verdict(status=Status.PASS, message=message, judged=within, findings=_findings(evidence))
    if found is not None:
        return Verdict(
            status=Status.PASS,
            message=f"the served rows show no such cast; it would matter: {cost}",
            findings=_findings(evidence),
        )
    message = (
        f"a cast to float32 before scaling would change answers: {cost}; column {details.get('column')} "
        "loses most"
    )
    findings = {**_findings(evidence), "hypothetical": True}
    return Verdict(status=Status.WARN, message=message, judged=judged, findings=findings, advice=_ADVICE)


def _findings(evidence: Evidence) -> dict[str, Any]:
    found = {}
    for pair in (_FIRST, _HALF):
        trace, judged = evidence.traces.get(pair.candidate), tuple(judge_pairs(evidence, (pair,)))
        if trace is not None and judged:
            found[pair.candidate] = {
                "inputs_move": trace.details.get("moved"),
                "predictions": damage(judged, evidence.rows),
            }
    return found


CHECK = Check(
    code="KC305",
    name="scaling-precision",
    title="rows are scaled before they are cast",
    explanation=__doc__,
    pairs=(_FIRST, _HALF, _SERVED),
    examine=examine,
)
