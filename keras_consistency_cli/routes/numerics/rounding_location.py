"""The route that finds the layer at which rounding errors grow most.

It compares the errors of the model, layer by layer, with those of the float64 copy rounded to float32.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, TypedDict

import numpy as np

from keras_consistency_cli.measurement.distance import relative_rms_difference
from keras_consistency_cli.measurement.facts import Facts
from keras_consistency_cli.measurement.rounding import HALF_ULP, PLAUSIBLE_FACTOR, ULP
from keras_consistency_cli.routes.base import Route
from keras_consistency_cli.routes.locating.divergence import LayerDeviation, limit_entries
from keras_consistency_cli.routes.locating.layers import LocatedLayer
from keras_consistency_cli.routes.numerics.layer_outputs import (
    Change,
    LayerOutput,
    keep_values,
    move_by_half_ulp,
    recording_outputs,
    round_to_float32,
)
from keras_consistency_cli.routes.session.batches import first_batch
from keras_consistency_cli.routes.trace import Result, Rows

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["ROUNDING_LOCATORS", "LayerGrowth", "RoundingLocation", "locate_rounding"]

_ROWS = 8
_MIN_GROWTH = 10.0
"""Growth of the error from which on a layer is reported."""
_MAX_GROWING_LAYERS = 20


class LayerGrowth(TypedDict):
    """A layer that amplifies rounding: relative error of its output, and growth in the layer."""

    layer: str
    error: float
    grown: float


class RoundingLocation(LocatedLayer, total=False):
    """Details of the route `locate-rounding`.

    `growth` are the layers whose errors grow most. `grown` is the growth in the located layer, whose error
    rounding alone does not explain if it is `beyond_rounding`.
    """

    growth: list[LayerGrowth]
    beyond_rounding: bool
    grown: float


@dataclass(frozen=True, kw_only=True)
class _LayerError:
    """The relative error of a layer's output, in the model and from rounding alone."""

    layer: LayerOutput
    error: float
    rounding: float
    half_ulp: float
    """Half a unit in the last place of the coarsest dtype so far."""

    @property
    def exceeds_rounding(self) -> bool:
        """Whether rounding does not explain the error."""
        rounding = self.rounding * self.half_ulp / HALF_ULP
        return self.error > PLAUSIBLE_FACTOR * (rounding + self.half_ulp)


def _locate(session: Session, rows: Rows) -> Result:
    return Result(outputs={}, details=locate_rounding(session, rows))


def locate_rounding(session: Session, rows: Rows) -> RoundingLocation:
    """Find the first layer whose error exceeds rounding, else the one with most growth.

    Rounding is that of the dtypes that the policies of the model declare.

    Args:
        session: that of the float64 copy.
        rows: rows, of which the first few are used.
    """
    from keras_consistency_cli.routes.session.float64 import on_float64_copy

    original = on_float64_copy(session).original
    batch = first_batch(rows, session.facts.batch_size or _ROWS)
    exact = _record(session, batch, keep_values, keep_values)
    rounded = _record(session, batch, move_by_half_ulp(session.options.seed), round_to_float32)
    own = _record(original, batch, keep_values, keep_values)
    original.restore()
    if not len(exact) == len(rounded) == len(own) or any(
        ideal.values.shape != layer.values.shape for ideal, layer in zip(exact, own, strict=True)
    ):
        return {}
    errors = [
        _LayerError(
            layer=layer,
            error=relative_rms_difference(layer.values, ideal.values),
            rounding=relative_rms_difference(float32.values, ideal.values),
            half_ulp=half_ulp,
        )
        for ideal, float32, layer, half_ulp in zip(
            exact, rounded, own, _half_ulps(session.facts, own), strict=True
        )
    ]
    return _describe(errors)


def _half_ulps(facts: Facts, recorded: list[LayerOutput]) -> list[float]:
    """Return the half ulp of the coarsest dtype policy up to each layer.

    If the first layer computes in float32, so does the model: a later layer of a lower policy stands out.
    """
    policies = {layer.path: layer.dtype_policy for layer in facts.layers}
    own = [_half_ulp_of(policies[layer.path]) if layer.path in policies else None for layer in recorded]
    first = next(filter(None, own), HALF_ULP)
    return (
        list(accumulate((each or first for each in own), max)) if first > HALF_ULP else [HALF_ULP] * len(own)
    )


def _half_ulp_of(policy: str) -> float:
    """Half an ulp of the dtype that a policy computes in; float32's if it is none of 16 bits."""
    return ULP.get(policy.removeprefix("mixed_"), 0.0) / 2 if "float16" in policy else HALF_ULP


def _record(
    session: Session, batch: Rows, change_inputs: Change, change_outputs: Change
) -> list[LayerOutput]:
    session.restore()
    with recording_outputs(change_inputs, change_outputs) as recorded:
        session.call(batch, training=False)
    return recorded


def _describe(errors: list[_LayerError]) -> RoundingLocation:
    """Return the located layer as plain data, and the layers whose errors grow most.

    No layer is named if the error grows nowhere.
    """
    least = max((layer.half_ulp for layer in errors), default=HALF_ULP)
    sizes = [least, *(max(layer.error, least) for layer in errors)]
    growth = [later / earlier for earlier, later in pairwise(sizes)]
    largest = sorted(range(len(growth)), key=lambda position: -growth[position])[:_MAX_GROWING_LAYERS]
    details: RoundingLocation = {
        "growth": [
            {
                "layer": errors[position].layer.path,
                "error": errors[position].error,
                "grown": growth[position],
            }
            for position in sorted(largest)
        ]
    }
    first_beyond = next((at for at, layer in enumerate(errors) if layer.exceeds_rounding), None)
    located = first_beyond if first_beyond is not None else _find_growth(growth)
    if located is None:
        return details
    layer = errors[located].layer
    return {
        **details,
        "layer": layer.path,
        "kind": layer.kind,
        "custom": layer.custom,
        "order": located + 1,
        "steps": len(errors),
        "beyond_rounding": first_beyond is not None,
        "grown": growth[located],
        "depth": _describe_depth(errors, located),
    }


def _find_growth(growth: list[float]) -> int | None:
    """Return the position of the greatest growth, None if it is small."""
    return int(np.argmax(growth)) if growth and max(growth) > _MIN_GROWTH else None


def _describe_depth(errors: list[_LayerError], located: int) -> list[LayerDeviation]:
    """Return each layer's error and its multiple of rounding, in finishing order."""
    entries: list[LayerDeviation] = []
    before = 0.0
    for position, layer in enumerate(errors):
        entries.append(
            {
                "layer": layer.layer.path,
                "kind": layer.layer.kind,
                "depth": position + 1,
                "inputs": before,
                "outputs": layer.error,
                "noise": layer.error / max(layer.rounding, HALF_ULP),
                "culprit": position == located,
            }
        )
        before = layer.error
    return limit_entries(entries)


ROUNDING_LOCATORS: tuple[Route, ...] = (
    Route(
        name="locate-rounding",
        summary="the layer at which rounding errors grow most",
        run=_locate,
        precision="float64",
        placement="float64",
    ),
)
