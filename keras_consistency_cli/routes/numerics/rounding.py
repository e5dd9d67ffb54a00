"""Routes of rounding: the errors of float32, and operations with fewer bits.

The float64 copy is run with the rounding of float32 after every layer. If the model is much further away
from its float64 copy than that, the difference is not rounding: the model computes in fewer bits than
float32 somewhere, or the copy is a different model, because its config is incomplete. Before that is
reported, every single operation is rounded, because a layer may hide what it rounds inside. Sums are always
added up in sequence, because the kernels of other routes may do so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, TypedDict

import numpy as np

from keras_consistency_cli.measurement.distance import is_float
from keras_consistency_cli.measurement.facts import Facts
from keras_consistency_cli.measurement.rounding import HALF_ULP, PLAUSIBLE_FACTOR
from keras_consistency_cli.routes.base import Route, needs_tensorflow
from keras_consistency_cli.routes.numerics.layer_outputs import (
    changing_layers,
    move_by_half_ulp,
    round_to_float32,
)
from keras_consistency_cli.routes.numerics.low_precision.policy_rounding import rounding_to_policies
from keras_consistency_cli.routes.numerics.op_hooks import adding_in_sequence, rounding_operations
from keras_consistency_cli.routes.numerics.quantised.quantised_runs import rounding_inputs
from keras_consistency_cli.routes.session.batches import first_batch
from keras_consistency_cli.routes.trace import ROUNDED, ROUNDED_TO_POLICIES, Outputs, Result, Rows

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.float64 import Float64Session
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["ROUNDING_ROUTES", "LowOperations"]

_MAX_OPERATIONS = 20


class LowOperations(TypedDict):
    """Details of the route `low-operations`: the operations that give 16-bit floats."""

    low: list[str]


def _round_layers(session: Session, rows: Rows) -> Result:
    from keras_consistency_cli.routes.session.float64 import on_float64_copy

    float64_copy = on_float64_copy(session)
    batch, positions = session.one_batch(rows)
    exact, outputs = _round_furthest(float64_copy, batch, narrow={})
    is_declared = bool(session.facts.low_precision)
    if not is_declared and _exceeds_layer_rounding(float64_copy.original, batch, exact, outputs):
        # Rounding inside a layer cannot be seen from outside it. Rounding every operation is slow.
        session.restore()
        with adding_in_sequence(), rounding_operations():
            outputs = _choose_furthest([outputs, session.call(batch, training=False)], exact)
    return Result(outputs=outputs, rows=positions)


def _round_to_policies(session: Session, rows: Rows) -> Result:
    from keras_consistency_cli.routes.session.float64 import on_float64_copy

    float64_copy = on_float64_copy(session)
    batch, positions = session.one_batch(rows)
    _, outputs = _round_furthest(float64_copy, batch, narrow=float64_copy.narrow_layers)
    return Result(outputs=outputs, rows=positions)


def _round_furthest(
    session: Float64Session, batch: Rows, *, narrow: Mapping[int, str]
) -> tuple[Outputs, Outputs]:
    """Return the exact outputs, and the furthest of those with the rounding of all layers.

    Args:
        session: that of the float64 copy.
        batch: rows.
        narrow: the layers that round to a 16-bit type, with that type.
    """
    session.restore()
    exact, runs = session.step(batch), []
    for seed in (session.options.seed, None):
        session.restore()
        with (
            rounding_inputs(session.twins),
            rounding_to_policies(narrow, seed) if narrow else nullcontext(),
            adding_in_sequence(),
            changing_layers(move_by_half_ulp(seed), round_to_float32),
        ):
            runs.append(session.call_once(batch, training=False))
    return exact, _choose_furthest(runs, exact)


def _choose_furthest(runs: Sequence[Outputs], exact: Outputs) -> Outputs:
    """Return for each output the run that is furthest from the exact one."""
    return {
        name: max((run[name] for run in runs), key=lambda values: _sum_squared_errors(values, exact[name]))
        for name in exact
    }


def _exceeds_layer_rounding(original: Session, batch: Rows, exact: Outputs, rounded: Outputs) -> bool:
    """Whether the model, called eagerly, has larger errors than its layers' rounding."""
    original.restore()
    outputs = original.call_once(batch, training=False)
    original.restore()
    for name, ideal in exact.items():
        limit = _sum_squared_errors(rounded[name], ideal) + _sum_squared_half_ulps(ideal)
        if _sum_squared_errors(outputs[name], ideal) > PLAUSIBLE_FACTOR**2 * limit:
            return True
    return False


def _sum_squared_half_ulps(exact: np.ndarray) -> float:
    """Return the sum of squares for half an ulp of the greatest value in every value."""
    if not is_float(exact.dtype) or not exact.size:
        return 0.0
    with np.errstate(invalid="ignore", over="ignore"):
        return float(np.square(HALF_ULP * np.nanmax(np.abs(exact), initial=0.0)) * exact.size)


def _sum_squared_errors(values: np.ndarray, exact: np.ndarray) -> float:
    """Return the sum of squared errors; NaN and values without a counterpart count as 0."""
    if not is_float(values.dtype) or values.shape != exact.shape:
        return 0.0
    with np.errstate(invalid="ignore", over="ignore"):
        return float(np.nansum(np.square(values - exact)))


def _find_low_operations(session: Session, rows: Rows) -> Result:
    """Find operations of the compiled step that give 16-bit floats without a policy."""
    from keras_consistency_cli.routes.session.tensorflow import on_tensorflow

    narrow = on_tensorflow(session).narrow_operations(first_batch(rows, session.batch_size))
    low = [operation for operation in narrow if "float16" in operation]
    details: LowOperations = {"low": low[:_MAX_OPERATIONS]}
    return Result(outputs={}, details=details)


def _explain_low_policy(facts: Facts) -> str | None:
    if facts.low_precision:
        return f"the model's own policies are {', '.join(facts.low_precision)}"
    return needs_tensorflow(facts, "only graphs of TensorFlow can be read")


def _explain_no_16_bits(facts: Facts) -> str | None:
    return None if facts.computes_in_16_bits else "no layer has a dtype policy of 16-bit floats"


ROUNDING_ROUTES: tuple[Route, ...] = (
    Route(
        name=ROUNDED,
        summary="the float64 copy, rounded to float32 layer by layer",
        run=_round_layers,
        precision="float64",
        placement="float64",
    ),
    Route(
        name=ROUNDED_TO_POLICIES,
        summary="the float64 copy, rounded layer by layer to the types of the dtype policies",
        run=_round_to_policies,
        unavailable=_explain_no_16_bits,
        precision="float64",
        placement="float64",
    ),
    Route(
        name="low-operations",
        summary="operations below float32 in the compiled step",
        run=_find_low_operations,
        unavailable=_explain_low_policy,
    ),
)
