"""Generated rows that do not move the outputs: whatever is compared on them, it would agree."""

from __future__ import annotations

from keras_consistency_cli.checks.base import Evidence
from keras_consistency_cli.checks.verdict import Verdict
from keras_consistency_cli.measurement.comparison import MOST_DISTINCT, Comparison
from keras_consistency_cli.measurement.rounding import ULP
from keras_consistency_cli.routes.trace import FLOAT64_COPY, REFERENCE

__all__ = ["error_if_outputs_do_not_move"]

_NO_ROUNDING = 2.0**-10
"""In ulps of the greatest output: outputs this near to the float64 copy are not computed, but saturated."""


def error_if_outputs_do_not_move(evidence: Evidence) -> Verdict | None:
    """Return an ERROR if kcheck generated the rows and no output depends on them, else None.

    A saturated sigmoid gives 1 for every row, and a saturated softmax gives 0 and 1: no difference that is
    compared on such outputs could show.
    """
    if not evidence.data.description.generated or evidence.rows < 2:
        return None
    measured = evidence.comparisons.get((REFERENCE, FLOAT64_COPY), ())
    if not measured or not all(map(_is_saturated, measured)):
        return None
    return Verdict.error(
        "the outputs do not depend on the generated rows, so that every comparison would agree",
        "all rows give the same outputs" if _is_constant(measured[0]) else "all outputs are saturated",
        advice="give rows that the model was made for, with --data",
    )


def _is_constant(comparison: Comparison) -> bool:
    return comparison.distinct_rows == 1


def _is_saturated(comparison: Comparison) -> bool:
    """Whether outputs are all the same; or without rounding, and few or decided with certainty.

    Whole numbers and words are never rounded, so they show nothing.
    """
    if "float" not in comparison.dtype:
        return False
    if _is_constant(comparison):
        return True
    is_exact = comparison.max_abs <= _NO_ROUNDING * ULP["float32"] * comparison.scale
    repeats = comparison.distinct_rows < min(comparison.rows, MOST_DISTINCT)
    return is_exact and not comparison.nonfinite and (repeats or comparison.decision is not None)
