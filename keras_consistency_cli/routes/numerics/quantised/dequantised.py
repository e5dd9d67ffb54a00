"""The route on the float copy of a quantised model, and how large the error of quantisation should be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypedDict

import numpy as np

from keras_consistency_cli.measurement.distance import is_float, rms_difference
from keras_consistency_cli.routes.base import Route
from keras_consistency_cli.routes.numerics.quantised.quantised_runs import (
    choose_rows,
    dequantise,
    explain_no_quantisation,
    limiting,
    quantising,
    watching_direct_calls,
)
from keras_consistency_cli.routes.session.batches import first_batch
from keras_consistency_cli.routes.trace import Outputs, Result, Rows

if TYPE_CHECKING:
    from keras_consistency_cli.loading.model.copies.dequantised import Twin
    from keras_consistency_cli.routes.session.session import Session

__all__ = [
    "DEQUANTISED",
    "LIMITS_FACTOR",
    "QUANTISATION_FACTOR",
    "QUANTISATION_ROUTES",
    "OutputError",
    "QuantisationDetails",
    "beyond_limits",
    "exceeds_rounding",
    "measure_errors",
]

DEQUANTISED = "dequantised"
QUANTISATION_FACTOR = 4.0
"""The error of a healthy quantised model in multiples of the expected one."""
LIMITS_FACTOR = 2.0
"""What the limits of float8 may change, in multiples of the expected error: more is wrong, not coarse."""
_SEEDS = 3
"""Runs with different errors of the weights; the largest error counts."""


class OutputError(TypedDict):
    """Root mean squares of one output: its difference from the float copy, the expected one, and its size.

    `limits` is the difference that the limits of float8 alone make: the largest number and the smallest.
    """

    deviation: float
    expected: float
    size: float
    limits: float


class QuantisationDetails(TypedDict, total=False):
    """Details of the route `dequantised`; only `refused` if there is no copy.

    `errors` are those of the outputs by name, `called_directly` the quantised layers of which other code runs
    call(). `rebuilt_differs` if a copy that is built from the config and stays quantised differs from the
    model: the config is incomplete then, and the float copy shows nothing about quantisation.
    """

    refused: str
    rebuilt_differs: bool
    errors: dict[str, OutputError]
    called_directly: list[str]


def exceeds_rounding(deviation: float, expected: float, limits: float) -> bool:
    """Whether the rounding of quantisation does not explain a deviation, or float8's limits make most of it.

    True if the deviation is NaN.
    """
    is_explained = deviation <= QUANTISATION_FACTOR * expected
    return not is_explained or beyond_limits(deviation, expected, limits) > LIMITS_FACTOR


def beyond_limits(deviation: float, expected: float, limits: float) -> float:
    """Return what the limits of float8 change, in multiples of the expected error of quantisation.

    0 if the model itself is not so far from its float copy: TimeDistributed applies no float8.
    """
    if not expected or deviation < limits / 2:
        return 0.0
    return limits / expected


def _run(session: Session, rows: Rows) -> Result:
    from keras_consistency_cli.loading.model.copies.float64 import PrecisionCopyRefused

    batch, positions = choose_rows(session, rows, session.small_batch)
    try:
        copy = dequantise(session, batch)
    except PrecisionCopyRefused as reason:
        refusal: QuantisationDetails = {"refused": str(reason)}
        return Result(outputs={}, details=refusal)
    on_copy = session.on_copy(copy.model)
    errors = measure_errors(session, on_copy, copy.twins, batch)
    is_high = any(
        each["deviation"] > QUANTISATION_FACTOR * each["expected"]
        or each["limits"] > LIMITS_FACTOR * each["expected"]
        for each in errors.values()
    )
    details: QuantisationDetails = {
        "errors": errors,
        "called_directly": _find_direct_calls(session, batch),
        "rebuilt_differs": is_high and _is_rebuilt_differently(session, batch, errors),
    }
    return Result(outputs=_call(on_copy, batch), rows=positions, details=details)


def measure_errors(
    session: Session,
    on_copy: Session,
    twins: Sequence[Twin],
    batch: Rows,
    *,
    limited: Sequence[Twin] | None = None,
) -> dict[str, OutputError]:
    """Return by output the error of a model, and the one that quantisation should have.

    Args:
        session: that of the quantised model.
        on_copy: that of its float copy.
        twins: the layers of the copy whose originals are quantised.
        batch: rows.
        limited: the layers that have the limits of float8; by default all of them.
    """
    exact = _call(on_copy, batch)
    runs = []
    for seed in range(_SEEDS):
        # Restoring inside the context would undo the errors of the weights.
        with quantising(twins, on_copy.options.seed + seed):
            runs.append(on_copy.call_once(batch, training=False))
        on_copy.restore()
    with limiting(twins if limited is None else limited):
        cut = on_copy.call_once(batch, training=False)
    on_copy.restore()
    own = session.fresh_step(batch)
    session.restore()
    return {
        name: OutputError(
            deviation=_distance(own[name], values),
            expected=max(_distance(run[name], values) for run in runs),
            size=_distance(values, np.zeros_like(values)),
            limits=_distance(cut[name], values),
        )
        for name, values in exact.items()
        if name in own and is_float(values.dtype) and own[name].shape == values.shape
    }


def _call(on_copy: Session, batch: Rows) -> Outputs:
    on_copy.restore()
    outputs = on_copy.call_once(batch, training=False)
    on_copy.restore()
    return outputs


def _is_rebuilt_differently(session: Session, batch: Rows, errors: Mapping[str, OutputError]) -> bool:
    """Whether a copy that is built from the config and stays quantised differs from the model."""
    from keras_consistency_cli.loading.model.copies.float64 import PrecisionCopyRefused

    try:
        rebuilt = session.on_copy(dequantise(session, batch, only=()).model)
    except PrecisionCopyRefused:
        return False
    copied, own = _call(rebuilt, batch), session.fresh_step(batch)
    session.restore()
    return any(
        _distance(copied[name], own[name]) > QUANTISATION_FACTOR * error["expected"]
        for name, error in errors.items()
    )


def _find_direct_calls(session: Session, batch: Rows) -> list[str]:
    with watching_direct_calls(session) as called:
        session.call(first_batch(batch, session.facts.batch_size or 1), training=False)
    session.restore()
    return sorted(called)


def _distance(values: np.ndarray, exact: np.ndarray) -> float:
    return rms_difference(values.astype("float64"), exact.astype("float64"))


QUANTISATION_ROUTES: tuple[Route, ...] = (
    Route(
        name=DEQUANTISED,
        summary="a float copy of a quantised model",
        run=_run,
        unavailable=explain_no_quantisation,
        placement="fresh",
    ),
)
