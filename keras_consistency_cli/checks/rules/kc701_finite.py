"""NaN and infinity must not occur, or at least not be hidden.

Why: one bad row makes states and statistics NaN, and some fused kernels turn NaN into an ordinary number:
with oneDNN, Dense or Conv2D followed by relu returns 0.0 in predict where `model(x)` returns NaN
(tensorflow#119628). A bad row must be visible, and must not hide faults of the other rows.

How: the rows, the weights and the outputs of predict are scanned, and so are reference rows, served rows and
the statistics of the scaler. Bad rows are always among those that are predicted: if the eager call returns
NaN and predict a number, NaN is hidden. Missing values that the scaler's pipeline fills never reach the
model, and are only reported.
A model that looks for NaN itself, with isnan, fills them in, and is not warned of.
In a model that computes in float16, each operation is watched on the rows that differ most from the float64
copy: a number beyond 65,504 becomes infinite, and a division by it gives 0. If the outputs depend on it, and
are wrong by more than rounding, this is a failure.

To fix: clean or impute the rows before the model; train a model again if its weights hold NaN; guard
divisions and logarithms.

Sources: keras#15139, tensorflow#119628.
"""

from __future__ import annotations

from keras_consistency_cli.checks.analysis.nonfinite_values import (
    NonfiniteValues,
    describe_reference_or_scaler,
    describe_rows,
    find_nonfinite,
)
from keras_consistency_cli.checks.base import Check, Evidence, Pair
from keras_consistency_cli.checks.preconditions import error_if_crashed, stop_unless_run
from keras_consistency_cli.checks.verdict import Verdict
from keras_consistency_cli.routes.calling.rows import RowDetails
from keras_consistency_cli.routes.numerics.low_precision.hidden_overflow import (
    HIDDEN_OVERFLOW,
    OverflowDetails,
)
from keras_consistency_cli.routes.trace import REFERENCE

__all__ = ["CHECK"]

_PAIRS = (Pair(candidate="call", reference=REFERENCE),)


def examine(evidence: Evidence) -> Verdict:
    """FAIL for bad weights, hidden NaN and bad outputs; WARN for bad rows with finite outputs."""
    values = find_nonfinite(evidence)
    return (
        _bad_weights(values)
        or _hidden(values)
        or _bad_outputs(values)
        or _hidden_overflow(evidence)
        or _bad_served_rows(values)
        or _bad_rows(evidence, values)
        or error_if_crashed(evidence, ("rows", "call", REFERENCE))
        or stop_unless_run(evidence, REFERENCE)
        or _bad_reference_or_scaler(evidence, values)
        or _all_finite(values)
    )


def _bad_weights(values: NonfiniteValues) -> Verdict | None:
    if not values.weights:
        return None
    first, count = values.weights[0], len(values.weights)
    message = f"{'a weight holds' if count == 1 else f'{count} weights hold'} NaN or infinity: '{first}'"
    advice = "train again from a checkpoint before the loss became NaN"
    return Verdict.fail(message, findings=values.findings(), advice=advice)


def _hidden(values: NonfiniteValues) -> Verdict | None:
    if not values.hidden:
        return None
    rows = describe_rows(values.rows)
    message = "predict hides NaN; it returns numbers where model(x) returns NaN or different numbers"
    advice = "clean the rows before the model; TF_ENABLE_ONEDNN_OPTS=0 shows the NaN in predict too"
    return Verdict.fail(f"{message}{f'; {rows}' if rows else ''}", findings=values.findings(), advice=advice)


def _bad_outputs(values: NonfiniteValues) -> Verdict | None:
    if not values.outputs:
        return None
    rows, output = describe_rows(values.rows), next(iter(values.outputs))
    count = sum(values.outputs.values())
    alone = ", where model(x) returns numbers" if values.made else ""
    return Verdict.fail(
        f"predict returns NaN or infinity in {count} values of output '{output}'{alone}; "
        f"{rows or 'all inputs are finite'}",
        findings=values.findings(),
        advice=(
            "clean or impute the rows before the model; guard divisions, logarithms and overflow in the model"
        ),
    )


def _hidden_overflow(evidence: Evidence) -> Verdict | None:
    details = evidence.details(HIDDEN_OVERFLOW, OverflowDetails)
    if "off" not in details:
        return None
    inside = f"in '{details['layer']}' " if details["layer"] else ""
    return Verdict.fail(
        f"{details['overflowed']} of {details['of']} numbers {inside}overflow in float16, and the infinity "
        f"is hidden by later operations; outputs are off by up to {details['off']:.2g} "
        f"({details['off'] / details['scale']:.2g} of the largest output)",
        cause="overflow-in-float16",
        findings=dict(details),
        advice="compute the layer in float32, or scale its numbers down",
    )


def _bad_served_rows(values: NonfiniteValues) -> Verdict | None:
    if not values.served:
        return None
    name, bad = next(iter(values.served.items()))
    return Verdict.fail(
        f"{bad['rows']} served rows of input '{name}' hold NaN or infinity (row {bad['first'][0]} first); "
        "the data do not",
        findings=values.findings(),
        advice="find the step of serving that loses them, between the raw rows and the model",
    )


def _bad_rows(evidence: Evidence, values: NonfiniteValues) -> Verdict | None:
    if not values.rows or evidence.details("rows", RowDetails).get("looks_for_nan"):
        return None
    message = f"{describe_rows(values.rows)}; their outputs are finite numbers"
    advice = "make sure that the model is meant to take such rows"
    return Verdict.warn(message, findings=values.findings(), advice=advice)


def _bad_reference_or_scaler(evidence: Evidence, values: NonfiniteValues) -> Verdict | None:
    message = describe_reference_or_scaler(evidence.data.description)
    if not message:
        return None
    advice = "train and fit on finite rows, or impute them as serving does"
    return Verdict.warn(message, findings=values.findings(), advice=advice)


def _all_finite(values: NonfiniteValues) -> Verdict:
    filled = sum(values.filled.values())
    remark = f"; missing values in {filled} rows are filled before the model" if filled else ""
    if values.rows:
        remark = f"; {describe_rows(values.rows)}, and the model looks for them itself"
    finite = "weights and outputs" if values.rows else "rows, weights and outputs"
    return Verdict.ok(f"{finite} are finite{remark}", findings=values.findings())


CHECK = Check(
    code="KC701",
    name="finite",
    title="no NaN or infinity in rows, weights and outputs, and none hidden",
    explanation=__doc__,
    pairs=_PAIRS,
    routes=("rows", REFERENCE, HIDDEN_OVERFLOW),
    examine=examine,
)
