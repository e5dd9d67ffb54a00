"""The route that finds the layers whose rounding changes the outputs of a quantised model most.

In the float copy, one layer after the other gets the error of its quantisation, and all others stay exact.
Then the layers that change the outputs most stay exact, and all others get theirs: what is left is the error
of a model in which these layers compute with floats.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypedDict

from keras_consistency_cli.measurement.distance import is_float, relative_rms_difference
from keras_consistency_cli.routes.base import Route
from keras_consistency_cli.routes.locating.layers import LocatedLayer
from keras_consistency_cli.routes.numerics.quantised.quantised_layers import (
    FloatRuns,
    describe_depth,
    run_floats,
)
from keras_consistency_cli.routes.numerics.quantised.quantised_runs import (
    choose_rows,
    explain_no_quantisation,
    quantising,
)
from keras_consistency_cli.routes.trace import Outputs, Result, Rows

if TYPE_CHECKING:
    from keras_consistency_cli.loading.model.copies.dequantised import Twin
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["COARSE_LOCATORS", "CoarseDetails", "LayerShare"]

_ROWS = 32
_MOST_TWINS = 64
"""Each costs a call of the model, layer by layer."""
_MOST_IN_FLOATS = 6
_SMALL_ERROR = 0.03
"""As a share of the outputs: what KC606 does not warn of."""


class LayerShare(TypedDict):
    """A quantised layer, and how much its rounding alone changes the outputs, as a share of their size."""

    layer: str
    share: float


class CoarseDetails(LocatedLayer, total=False):
    """Details of `coarse-layers`; empty if there is no float copy or if it has too many layers.

    The located layer is the first of `shares`, which are sorted. `in_floats` are the layers that have to
    compute with floats so that the error falls from `before` to `after`, a third of it or less; empty if
    that would be too many.
    """

    shares: list[LayerShare]
    in_floats: list[str]
    before: float
    after: float


def _locate(session: Session, rows: Rows) -> Result:
    from keras_consistency_cli.loading.model.copies.float64 import PrecisionCopyRefused

    batch, _ = choose_rows(session, rows, session.facts.batch_size or _ROWS)
    try:
        floats = run_floats(session, batch, limited=True)
    except PrecisionCopyRefused:
        return Result(outputs={})
    if not floats.twins or len(floats.twins) > _MOST_TWINS:
        return Result(outputs={})
    details = _find_coarse(floats, batch)
    return Result(outputs={}, details=details)


def _find_coarse(floats: FloatRuns, batch: Rows) -> CoarseDetails:
    exact = floats.outputs
    alone = [(_share(exact, _call(floats, batch, (twin,))), twin) for twin in floats.twins]
    ranked = sorted(alone, key=lambda each: -each[0])
    before = _share(exact, floats.rounded)
    details: CoarseDetails = {
        "shares": [{"layer": twin.path, "share": share} for share, twin in ranked],
        "before": before,
        **_name_layer(floats, ranked[0][1].path),
        **_leave_in_floats(floats, batch, exact, [twin for _, twin in ranked], before),
    }
    return details


def _leave_in_floats(
    floats: FloatRuns, batch: Rows, exact: Outputs, ranked: Sequence[Twin], before: float
) -> CoarseDetails:
    """Let the layers with the largest shares stay exact, one more each time, until the error is small."""
    for count in range(1, min(_MOST_IN_FLOATS, len(ranked) - 1) + 1):
        after = _share(exact, _call(floats, batch, ranked[count:]))
        if after <= min(max(_SMALL_ERROR, before / 3), before / 2):
            return {"in_floats": [twin.path for twin in ranked[:count]], "after": after}
    return {"in_floats": []}


def _call(floats: FloatRuns, batch: Rows, quantised: Sequence[Twin]) -> Outputs:
    """The outputs of the float copy in which these layers have the error of quantisation."""
    on_copy = floats.session
    on_copy.restore()
    # Restoring inside the context would undo the errors of the weights.
    with quantising(quantised, on_copy.options.seed, limited=True):
        outputs = on_copy.call_once(batch, training=False)
    on_copy.restore()
    return outputs


def _share(exact: Outputs, outputs: Outputs) -> float:
    """Return the difference as a share of the size of the outputs, of the output that differs most."""
    return max(
        (
            relative_rms_difference(outputs[name], values)
            for name, values in exact.items()
            if is_float(values.dtype)
        ),
        default=0.0,
    )


def _name_layer(floats: FloatRuns, path: str) -> CoarseDetails:
    """Return the layer of this path, and the error after each layer; empty if it has no step of its own."""
    paths = [each.path for each in floats.exact]
    if path not in paths:
        return {}
    position = paths.index(path)
    layer = floats.exact[position]
    pairs = zip(floats.quantised, floats.exact, strict=True)
    errors = [relative_rms_difference(rounded.values, ideal.values) for rounded, ideal in pairs]
    return {
        "layer": layer.path,
        "kind": layer.kind,
        "custom": layer.custom,
        "order": position + 1,
        "steps": len(paths),
        "depth": describe_depth(floats.exact, errors, position),
    }


COARSE_LOCATORS: tuple[Route, ...] = (
    Route(
        name="coarse-layers",
        summary="the quantised layers whose rounding changes the outputs most",
        run=_locate,
        unavailable=explain_no_quantisation,
        placement="fresh",
    ),
)
