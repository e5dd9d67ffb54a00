"""Generated rows that do not move the outputs: whatever is compared on them, it would agree."""

from __future__ import annotations

from keras_consistency_cli.checks.base import Evidence
from keras_consistency_cli.checks.verdict import Verdict
from keras_consistency_cli.routes.calling.prediction import PredictDetails
from keras_consistency_cli.routes.trace import REFERENCE

__all__ = ["error_if_outputs_do_not_move"]


def error_if_outputs_do_not_move(evidence: Evidence) -> Verdict | None:
    """Return an ERROR if kcheck generated the rows and no output depends on them, else None.

    A saturated sigmoid gives 1 for every row, and a saturated softmax gives 0 and 1: no difference that is
    compared on such outputs could show. Rows of the owner that are classified with certainty are no fault.
    """
    variation = evidence.details(REFERENCE, PredictDetails).get("variation")
    if not evidence.data.description.generated or evidence.rows < 2 or variation is None:
        return None
    outputs = {each.output for compared in evidence.comparisons.values() for each in compared}
    constant = set(variation["constant"])
    if not outputs or not outputs <= constant | set(variation["saturated"]):
        return None
    return Verdict.error(
        "the outputs do not depend on the generated rows, so that every comparison would agree",
        "all rows give the same outputs" if outputs <= constant else "all outputs are saturated",
        advice="give rows that the model was made for, with --data",
    )
