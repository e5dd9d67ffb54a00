"""Causes of outputs that change because rows are rounded to float32."""

from __future__ import annotations

import math

from keras_consistency_cli.checks.analysis.lost_digits import find_digit_loss
from keras_consistency_cli.checks.base import Evidence
from keras_consistency_cli.checks.verdict import Verdict
from keras_consistency_cli.diagnosis.base import Cause, CauseTexts

__all__ = ["ROUNDED_ROWS_CAUSE"]

_FINDINGS = {"cast", "lost"}
_MOSTLY = 100
"""How much more than its weights a model amplifies its inputs, if the rows are the reason."""


def _comes_from_rows(_evidence: Evidence, verdict: Verdict) -> bool:
    """Whether a verdict is KC201, or KC604 says that inputs are amplified far more than weights."""
    factors = verdict.findings.get("amplification", {})
    return verdict.code == "KC201" or factors.get("inputs", 0.0) > _MOSTLY * factors.get("weights", math.inf)


def _name_lost_digits(evidence: Evidence) -> CauseTexts | None:
    """The texts for numbers that float32 does not hold, whether predict casts them or the caller."""
    if find_digit_loss(evidence) is None:
        return None
    return CauseTexts(
        sentence="numbers of the rows lose digits in float32 that the outputs depend on",
        advice=(
            "bring the numbers near 0 in float64, before the model gets them, in training and in serving:\n"
            "    x = (rows.astype('float64') - ORIGIN) / SCALE     # such as hours since a start\n"
            "or declare ids as whole numbers: keras.Input(shape, dtype='int64')"
        ),
    )


ROUNDED_ROWS_CAUSE = Cause(
    slug="dtype-cast",
    sentence="predict casts the rows to float32 before the model gets them; model(x) does not",
    explanation=(
        "The data pipeline of predict casts NumPy floats to keras.config.floatx(). A model that computes in "
        "float64 then gets rounded rows. Numbers far from 0 lose their last digits: seconds since 1970 are "
        "rounded to steps of 128, and whole numbers above 2^24 become equal."
    ),
    key=("KC201",),
    explains=("KC201", "KC604"),
    fits=lambda _evidence, failing: bool(_FINDINGS & failing["KC201"].findings.keys()),
    covers=_comes_from_rows,
    specific=_name_lost_digits,
    advice=(
        "save the rows as float32; for a model that computes in float64, call "
        "keras.config.set_floatx('float64') before predicting"
    ),
)
