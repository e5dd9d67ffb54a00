"""Integers must stay in the range of their dtype.

Why: TensorFlow computes with integers of 8 and 16 bits as they are, and a result that does not fit wraps
around without an error. In uint8, 12 - 30 is 238: the difference of two frames has its largest values where a
pixel became a little darker. In int16, the energy of a loud sound is negative. Rows that do not fit the dtype
of an Input are converted in the same way: milliseconds since 1970 in int32 become other numbers.

How: the graph of predict tells whether it computes with integers of 8 or 16 bits. If so, each result is
compared with the same result in 64 bits, and the model runs again with the exact results up to the next cast
to a wider dtype; where an operation in between takes numbers of its dtype only, with results that stop at the
end of the range. If its outputs change, this is a failure. They do not for numbers that are meant to wrap
around, such as an angle in 256 steps, or a hash that selects one of 256 rows of a table. Rows of integers
are compared with the range of the Input that takes them.

To fix: cast before you compute: ops.cast(frames, "int16"), or "float32"; or declare a wider Input.

Sources: https://www.tensorflow.org/api_docs/python/tf/math/subtract, numpy#5745.
"""

from __future__ import annotations

from keras_consistency_cli.checks.base import Check, Evidence
from keras_consistency_cli.checks.preconditions import stop_unless_run
from keras_consistency_cli.checks.verdict import Verdict
from keras_consistency_cli.measurement.negligible import NEGLIGIBLE_OF_OUTPUT
from keras_consistency_cli.routes.numerics.integer_range import (
    WRAPPED_INTEGERS,
    IntegerDetails,
    OutOfRange,
)

__all__ = ["CHECK"]

_CAUSE = "integer-overflow"
_VERBS = {
    "Add": "adds",
    "AddV2": "adds",
    "Sub": "subtracts",
    "Mul": "multiplies",
    "Neg": "changes signs",
    "Square": "squares",
    "Sum": "adds up",
    "Prod": "multiplies",
    "Cast": "casts",
}


def examine(evidence: Evidence) -> Verdict:
    """FAIL if rows, or results that the outputs depend on, wrap around."""
    stopped = stop_unless_run(evidence, WRAPPED_INTEGERS)
    if stopped is not None:
        return stopped
    details = evidence.details(WRAPPED_INTEGERS, IntegerDetails)
    for name, wrapped in details["inputs"].items():
        return Verdict.fail(
            f"rows of input '{name}' do not fit its dtype: {_describe(wrapped)}",
            cause=_CAUSE,
            findings={"input": name, **details},
        )
    if "wrapped" not in details:
        return Verdict.ok("integers stay in the range of their dtype")
    layer = f" in '{details['layer']}'" if "layer" in details else ""
    message = f"the model{layer} {_VERBS[details['operation']]} integers: {_describe(details['wrapped'])}"
    if "refused" in details:
        meant = "; as intended, it seems: the model does not run with the exact results"
        return Verdict.ok(f"{message}{meant} ({details['refused']})", findings=dict(details))
    if details["changed"] <= NEGLIGIBLE_OF_OUTPUT * details["scale"]:
        return Verdict.ok(f"{message}; the outputs do not depend on it", findings=dict(details))
    results = "results that stop at the end of the range" if details.get("stopped") else "exact results"
    effect = f"with {results}, outputs change by up to {details['changed']:.2g}"
    return Verdict.fail(f"{message}; {effect}", cause=_CAUSE, findings=dict(details))


def _describe(wrapped: OutOfRange) -> str:
    share = f"{wrapped['count']} of {wrapped['of']} numbers do not fit {wrapped['dtype']}"
    exact = int(wrapped["exact"]) if wrapped["exact"].is_integer() else wrapped["exact"]
    return f"{share}, and wrap around ({exact} becomes {wrapped['became']})"


CHECK = Check(
    code="KC704",
    name="integer-range",
    title="integers stay in the range of their dtype",
    explanation=__doc__,
    routes=(WRAPPED_INTEGERS,),
    examine=examine,
)
