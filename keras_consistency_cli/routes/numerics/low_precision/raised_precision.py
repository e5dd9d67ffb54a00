"""The route that computes layers of a mixed precision model in float32.

If a dtype policy is too coarse for the numbers that reach a layer, a copy of the model with this one layer in
float32 no longer overflows, or comes much closer to the float64 copy. If the numbers then overflow in a later
layer of float16, that one computes in float32 as well, and so on, a few times. If nothing overflows and the
suspected layer does not matter, the layers that do are searched for.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, TypedDict

import numpy as np

from keras_consistency_cli.measurement.distance import is_float, relative_rms_difference
from keras_consistency_cli.measurement.facts import Facts
from keras_consistency_cli.routes.base import Route
from keras_consistency_cli.routes.locating.layers import finite_batches
from keras_consistency_cli.routes.locating.step_recorder import record_steps
from keras_consistency_cli.routes.numerics.low_precision.coarse_layers import (
    MOST_LAYERS,
    find_coarse_layers,
)
from keras_consistency_cli.routes.numerics.low_precision.hidden_overflow import (
    choose_furthest,
    find_hidden_overflow,
)
from keras_consistency_cli.routes.numerics.rounding_location import locate_rounding
from keras_consistency_cli.routes.session.batches import count_rows
from keras_consistency_cli.routes.trace import Outputs, Result, Rows

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.float64 import Float64Session
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["RAISING_ROUTES", "RaisedDetails"]

_MOST_BATCHES = 8


class RaisedDetails(TypedDict, total=False):
    """Details of `raise-precision`: the layer, and the outputs before and after it computes in float32.

    Empty if no layer is suspected. `layer` is "" if the precision of the whole model is too low.

    `raised` are all layers that compute in float32: this one, those before it that it needs, and later ones
    that overflowed after it.
    `lost` counts NaN and infinity; `off` is the mean distance from the float64 copy, as a share.
    """

    layer: str
    raised: list[str]
    lost_before: int
    lost: int
    off_before: float
    off: float


def _raise(session: Session, rows: Rows) -> Result:
    """Compute the layer that overflows, or that amplifies rounding, in float32."""
    from keras_consistency_cli.routes.session.float64 import on_float64_copy

    float64_copy = on_float64_copy(session)
    try:
        return _compare_with_raised_layer(float64_copy, rows)
    finally:
        float64_copy.original.restore()


def _compare_with_raised_layer(session: Float64Session, rows: Rows) -> Result:
    original = session.original
    batches = [batch for _, batch in zip(range(_MOST_BATCHES), finite_batches(original, rows), strict=False)]
    furthest = choose_furthest(session, rows)[0]
    found = _find_suspect(session, batches, furthest)
    if found is None:
        return Result(outputs={})
    batch, layer = found.batch, found.layer
    raised, copy = (
        _raise_layers(session, [*batches, furthest], layer)
        if found.overflows
        else _raise_coarse_layers(session, batch, layer)
    )
    if copy is None:
        return Result(outputs={})
    session.restore()
    exact = session.step(batch)
    before, after = _call(original, batch), _call(copy, batch)
    overflowing = batches if _count_nonfinite(before) else []
    details: RaisedDetails = {
        "layer": layer if found.overflows else raised[-1] if len(raised) <= MOST_LAYERS else "",
        "raised": raised,
        "lost_before": sum(_count_nonfinite(_call(original, each)) for each in overflowing),
        "lost": sum(_count_nonfinite(_call(copy, each)) for each in overflowing),
        "off_before": _relative_distance(before, exact),
        "off": _relative_distance(after, exact),
    }
    return Result(outputs={}, details=details)


class _Suspect(NamedTuple):
    """A batch, and the layer that overflows in it or loses digits."""

    batch: Rows
    layer: str
    overflows: bool


def _find_suspect(session: Float64Session, batches: Sequence[Rows], furthest: Rows) -> _Suspect | None:
    """Return a batch and the layer to compute in float32.

    It is the first that returns NaN or infinity, else the first that hides an overflow, else the one where
    rounding grows most.
    """
    overflow = _find_overflow(session.original, batches)
    if overflow is not None or not batches:
        return _Suspect(*overflow, overflows=True) if overflow is not None else None
    hidden = _find_hidden(session, session.original, furthest)
    if hidden:
        return _Suspect(furthest, hidden, overflows=True)
    layer = locate_rounding(session, batches[0]).get("layer")
    return _Suspect(batches[0], layer, overflows=False) if layer is not None else None


def _find_overflow(session: Session, batches: Sequence[Rows]) -> tuple[Rows, str] | None:
    """Return the first batch in which a layer gives NaN or infinity, and that layer."""
    for batch in batches:
        with record_steps(None, count_rows(batch)) as steps:
            _call(session, batch)
        overflowing = next((step.path for step in steps if not step.outputs.finite), None)
        if overflowing is not None:
            return batch, overflowing
    return None


def _find_hidden(float64_copy: Float64Session, session: Session, batch: Rows) -> str:
    """Return the first layer that hides an overflow, "" if none does."""
    return find_hidden_overflow(float64_copy, session, batch).get("layer", "")


def _raise_layers(
    session: Float64Session, batches: Sequence[Rows], first: str
) -> tuple[list[str], Session | None]:
    """Compute layers in float32 until none overflows, and return them and the copy.

    The last batch is the one in which hidden overflow is searched for.

    The copy is None if none could be made.
    """
    raised: list[str] = []
    following, copy = first, None
    while following and following not in raised and len(raised) < MOST_LAYERS:
        next_copy = _copy_with_raised([*raised, following], session.original, batches[0])
        if next_copy is None:
            break
        raised, copy = [*raised, following], next_copy
        overflow = _find_overflow(copy, batches)
        following = overflow[1] if overflow else _find_hidden(session, copy, batches[-1])
    return raised, copy


def _raise_coarse_layers(
    session: Float64Session, batch: Rows, suspect: str
) -> tuple[list[str], Session | None]:
    """Compute the layers that lose digits in float32, and return them and the copy."""
    original = session.original
    session.restore()
    exact = session.step(batch)

    def distance(paths: Sequence[str]) -> float:
        copy = _copy_with_raised(paths, original, batch)
        return math.inf if copy is None else _relative_distance(_call(copy, batch), exact)

    before = _relative_distance(_call(original, batch), exact)
    raised = find_coarse_layers(suspect, _coarse_layers(original, batch), before, distance)
    return raised, _copy_with_raised(raised, original, batch)


def _coarse_layers(session: Session, batch: Rows) -> list[str]:
    """Return the layers whose dtype policy is below float32, in the order in which they finish."""
    policies = {layer.path: layer.dtype_policy for layer in session.facts.layers}
    with record_steps(None, count_rows(batch)) as steps:
        _call(session, batch)
    return list(dict.fromkeys(step.path for step in steps if "float16" in policies.get(step.path, "")))


def _copy_with_raised(paths: Sequence[str], original: Session, batch: Rows) -> Session | None:
    from keras_consistency_cli.loading.model.copies.float64 import PrecisionCopyRefused
    from keras_consistency_cli.loading.model.copies.mixed_precision import build_copy_with_raised_layers

    try:
        sample = original.pack(batch)
        model = build_copy_with_raised_layers(original.model, paths, sample=sample, **original.loading)
    except PrecisionCopyRefused:
        return None
    return original.on_copy(model)


def _call(session: Session, batch: Rows) -> Outputs:
    session.restore()
    return session.call(batch, training=False)


def _count_nonfinite(outputs: Outputs) -> int:
    return sum(int((~np.isfinite(values)).sum()) for values in outputs.values() if is_float(values.dtype))


def _relative_distance(outputs: Outputs, exact: Outputs) -> float:
    """Return the mean distance of the finite values as a share of the exact ones, of the furthest output."""
    shares = [_share(np.asarray(outputs[name], np.float64), exact[name]) for name in exact if name in outputs]
    return max(shares, default=0.0)


def _share(values: np.ndarray, exact: np.ndarray) -> float:
    finite = np.isfinite(values) & np.isfinite(exact)
    return relative_rms_difference(values[finite], exact[finite])


def _explain_full_precision(facts: Facts) -> str | None:
    return None if facts.low_precision else "no dtype policy of the model is below float32"


RAISING_ROUTES: tuple[Route, ...] = (
    Route(
        name="raise-precision",
        summary="a copy of the model with the suspected layers in float32",
        run=_raise,
        unavailable=_explain_full_precision,
        precision="float64",
        placement="float64",
    ),
)
"""They switch off a suspect, and run only after a check has found one."""
