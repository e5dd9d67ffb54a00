"""Rows should be scaled in float64 and cast afterwards.

Why: float32 holds seven digits. A feature that varies by 1 around 1,000,000, such as a time stamp or an
identifier, keeps one digit of its variation if it is cast before the mean is subtracted, and the model sees
steps. After scaling, float32 loses nothing that matters; float16 loses three digits in either place.

How: the sample is cast to float32, scaled, and predicted; the outputs are compared with those for rows scaled
without a cast. What such a cast would change is reported as information; the effect of float16 is among the
findings. Only with `--served` it is known whether rows are cast: served rows that show it fail the check. If
the values of a column that is scaled are multiples of the step of float32, and this step is more than 1 % of
its spread in training, the rows were rounded before they were stored, which is a warning.

To fix: `scaler.transform(np.asarray(rows, np.float64)).astype(np.float32)`. Where decimals
are missing, send all digits of the numbers.

Sources: Higham, Accuracy and Stability of Numerical Algorithms, chapter 1.
"""

from __future__ import annotations

from typing import Any

from keras_consistency_cli.checks.analysis.output_change import (
    describe_change,
    is_harmless,
    stop_without_outputs,
)
from keras_consistency_cli.checks.analysis.served.kinds import LOW_PRECISION
from keras_consistency_cli.checks.analysis.served.rows import fail_served_rows, find_mistakes
from keras_consistency_cli.checks.base import Check, Evidence, Pair
from keras_consistency_cli.checks.judgement import judge_pairs
from keras_consistency_cli.checks.verdict import Verdict
from keras_consistency_cli.measurement.data_facts import ExpectedColumn
from keras_consistency_cli.routes.scaling.scaling import ScalingDetails
from keras_consistency_cli.routes.trace import REFERENCE

__all__ = ["CHECK"]

_ADVICE = (
    "scale in float64 and cast afterwards; "
    "give --served served.npy, the array that serving fed to the model, to see whether it casts first"
)
_STORED_ADVICE = (
    "read the rows from their source as float64, and store them so; or subtract a constant before they "
    "become float32, such as a recent date from a time stamp"
)
_COARSE = 0.01
"""Share of a column's spread in training that the step of stored values may be."""
_FLOAT32_FIRST = Pair(candidate="float32-first", reference=REFERENCE)
_SERVED = Pair(candidate="served", reference=REFERENCE)
_FLOAT16_FIRST = Pair(candidate="float16-first", reference=REFERENCE)


def examine(evidence: Evidence) -> Verdict:
    """FAIL if served rows show a cast, WARN if the stored rows do, else report what a cast would change."""
    mistakes = find_mistakes(evidence)
    casts = [mistake for mistake in mistakes or () if mistake.cause == LOW_PRECISION]
    if casts:
        judged = tuple(judge_pairs(evidence, (_SERVED,)))
        return fail_served_rows(evidence, casts, judged, _findings(evidence))
    coarsest = _find_coarsest_column(evidence)
    if coarsest is not None:
        return _warn_of_stored_rounding(evidence, *coarsest)
    stopped = stop_without_outputs(evidence, (_FLOAT32_FIRST.candidate,))
    return stopped or _judge_cast(evidence, served=mistakes is not None)


def _find_coarsest_column(evidence: Evidence) -> tuple[ExpectedColumn, float] | None:
    """The column whose values were rounded to the largest share of what the scaler divides by, and the step.

    None if no share matters.
    """
    scaling = evidence.data.description.scaling
    steps = evidence.details(_FLOAT32_FIRST.candidate, ScalingDetails).get("steps", [])
    found = [
        (column, steps[column.column])
        for column in (() if scaling is None else scaling.expected)
        if column.column < len(steps) and not column.constant and column.raw[1] > 0
    ]
    coarsest = max(found, key=lambda each: each[1] / each[0].raw[1], default=None)
    return coarsest if coarsest is not None and coarsest[1] > _COARSE * coarsest[0].raw[1] else None


def _warn_of_stored_rounding(evidence: Evidence, column: ExpectedColumn, step: float) -> Verdict:
    spread = column.raw[1]
    message = (
        f"column '{column.name}' was rounded before scaling, when the rows were stored: its values are "
        f"multiples of {step:.3g}, which is {step / spread:.1%} of its spread of {spread:.3g} in training"
    )
    stored = {"column": column.name, "step": step, "share": step / spread}
    return Verdict.warn(
        message,
        cause=LOW_PRECISION,
        findings={
            **_findings(evidence),
            "stored": stored,
            "mend": _STORED_ADVICE,
            "mend_is_complete": True,
        },
        advice=_STORED_ADVICE,
    )


def _judge_cast(evidence: Evidence, *, served: bool) -> Verdict:
    """Judge what a cast before scaling would change; `served` rows are known not to be cast."""
    judged = tuple(judge_pairs(evidence, (_FLOAT32_FIRST,)))
    details, findings = evidence.details(_FLOAT32_FIRST.candidate, ScalingDetails), _findings(evidence)
    effect = (
        f"inputs change by up to {details.get('moved', 0.0):.2g} standard deviations, "
        f"outputs {describe_change(judged, evidence.rows)}"
    )
    if all(is_harmless(one) for one in judged):
        within = judged if all(one.within for one in judged) else ()
        message = f"a cast to float32 before scaling is harmless; {effect}"
        return Verdict.ok(message, judged=within, findings=findings)
    if served:
        message = f"the served rows are not cast before scaling; it would matter: {effect}"
        return Verdict.ok(message, findings=findings)
    return Verdict.ok(
        f"a cast to float32 before scaling would change outputs (information); {effect}; "
        f"column {details.get('column')} loses most",
        findings=findings,
        advice=_ADVICE,
    )


def _findings(evidence: Evidence) -> dict[str, Any]:
    """By cast: how far inputs move, and what happens to the outputs."""
    findings = {}
    for pair in (_FLOAT32_FIRST, _FLOAT16_FIRST):
        judged = tuple(judge_pairs(evidence, (pair,)))
        if judged:
            change = describe_change(judged, evidence.rows)
            moved = evidence.details(pair.candidate, ScalingDetails).get("moved")
            findings[pair.candidate] = {"inputs_move": moved, "predictions": change}
    return findings


CHECK = Check(
    code="KC305",
    name="scaling-precision",
    title="rows are scaled before they are cast",
    explanation=__doc__,
    pairs=(_FLOAT32_FIRST, _FLOAT16_FIRST, _SERVED),
    examine=examine,
)
