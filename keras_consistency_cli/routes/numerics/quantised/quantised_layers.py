"""Routes that find the layer where a quantised model leaves its float copy, and let it compute with floats.

Both compare the model with its float copy, layer by layer, in multiples of the error that quantisation should
have there. They run only after a check has found that the outputs differ by more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

from keras_consistency_cli.measurement.distance import relative_rms_difference
from keras_consistency_cli.routes.base import Route
from keras_consistency_cli.routes.locating.divergence import LayerDeviation, limit_entries
from keras_consistency_cli.routes.locating.layers import LocatedLayer
from keras_consistency_cli.routes.numerics.layer_outputs import LayerOutput, keep_values, recording_outputs
from keras_consistency_cli.routes.numerics.quantised.dequantised import (
    beyond_limits,
    exceeds_rounding,
    measure_errors,
)
from keras_consistency_cli.routes.numerics.quantised.quantised_runs import (
    choose_rows,
    dequantise,
    explain_no_quantisation,
    limiting,
    quantising,
)
from keras_consistency_cli.routes.trace import Outputs, Result, Rows

if TYPE_CHECKING:
    from keras_consistency_cli.loading.model.copies.dequantised import Twin
    from keras_consistency_cli.routes.session.session import Session

__all__ = [
    "DEQUANTISING_ROUTES",
    "QUANTISATION_LOCATORS",
    "DequantisedDetails",
    "FloatRuns",
    "describe_depth",
    "run_floats",
]

_ROWS = 8
_MOST_LAYERS = 6
_SMALLEST_ERROR = 1e-6
"""As a share of the outputs of a layer: below it, a difference is the rounding of float32."""


class DequantisedDetails(TypedDict, total=False):
    """Details of `dequantise-layers`: empty if no layer is suspected or no such copy can be built.

    `dequantised` are the layers that compute with floats; `before` and `after` are the differences from the
    float copy, in multiples of the expected error, and `beyond_before` and `beyond_after` what the limits of
    float8 make of them.
    """

    dequantised: list[str]
    before: float
    after: float
    beyond_before: float
    beyond_after: float


@dataclass(frozen=True, kw_only=True)
class _LayerError:
    """The error of a layer's output, and the one that quantisation should have, as shares of the output.

    `limits` is the one that the limits of float8 make.
    """

    layer: LayerOutput
    error: float
    expected: float
    limits: float

    @property
    def is_too_large(self) -> bool:
        """Whether rounding does not explain it, or the limits of float8 make most of it."""
        return exceeds_rounding(self.error, max(self.expected, _SMALLEST_ERROR), self.limits)


@dataclass(frozen=True, kw_only=True)
class FloatRuns:
    """The float copy of a model, and its layers' outputs without and with the error of quantisation.

    `outputs` are those of the copy without the error, and `rounded` with it.
    """

    session: Session
    twins: tuple[Twin, ...]
    exact: list[LayerOutput]
    quantised: list[LayerOutput]
    outputs: Outputs
    rounded: Outputs

    def compare(self, session: Session, batch: Rows, twins: Sequence[Twin]) -> list[_LayerError]:
        """Return the errors of the layers of a model; none if its layers ran in a different order.

        Args:
            session: that of the model.
            batch: rows.
            twins: the layers that are quantised in this model.
        """
        session.restore()
        own, _ = _record(session, batch)
        session.restore()
        with limiting(twins):
            limited, _ = _record(self.session, batch)
        self.session.restore()
        if [each.path for each in own] != [each.path for each in self.exact]:
            return []
        return [
            _LayerError(
                layer=layer,
                error=relative_rms_difference(layer.values, ideal.values),
                expected=relative_rms_difference(rounded.values, ideal.values),
                limits=relative_rms_difference(cut.values, ideal.values),
            )
            for layer, ideal, rounded, cut in zip(own, self.exact, self.quantised, limited, strict=True)
        ]


def run_floats(session: Session, batch: Rows, *, limited: bool = False) -> FloatRuns:
    """Run the float copy of a model without and with the error of quantisation.

    Args:
        session: that of the model.
        batch: rows.
        limited: whether the error includes what the limits of float8 change.

    Raises:
        PrecisionCopyRefused: there is no such copy.
    """
    copy = dequantise(session, batch)
    on_copy = session.on_copy(copy.model)
    exact, outputs = _record(on_copy, batch)
    on_copy.restore()
    # Restoring inside the context would undo the errors of the weights.
    with quantising(copy.twins, session.options.seed, limited=limited):
        quantised, rounded = _record(on_copy, batch)
    on_copy.restore()
    return FloatRuns(
        session=on_copy,
        twins=copy.twins,
        exact=exact,
        quantised=quantised,
        outputs=outputs,
        rounded=rounded,
    )


def _record(session: Session, batch: Rows) -> tuple[list[LayerOutput], Outputs]:
    with recording_outputs(keep_values, keep_values) as recorded:
        outputs = session.call(batch, training=False)
    return recorded, outputs


def _locate(session: Session, rows: Rows) -> Result:
    """Find the first layer whose error is larger than that of quantisation."""
    batch, _ = choose_rows(session, rows, session.facts.batch_size or _ROWS)
    floats = run_floats(session, batch)
    errors = floats.compare(session, batch, floats.twins)
    located = _find_excess(errors)
    if located is None:
        return Result(outputs={})
    layer = errors[located].layer
    details: LocatedLayer = {
        "layer": layer.path,
        "kind": layer.kind,
        "custom": layer.custom,
        "order": located + 1,
        "steps": len(errors),
        "depth": describe_depth([each.layer for each in errors], [each.error for each in errors], located),
    }
    return Result(outputs={}, details=details)


def _find_excess(errors: Sequence[_LayerError]) -> int | None:
    return next((at for at, each in enumerate(errors) if each.is_too_large), None)


def describe_depth(
    layers: Sequence[LayerOutput], errors: Sequence[float], located: int
) -> list[LayerDeviation]:
    """Return the error after each layer, in the order in which layers finish.

    Args:
        layers: the layers that ran.
        errors: the error of each, as a share of its outputs.
        located: the position of the layer at fault.
    """
    before = [0.0, *errors]
    entries: list[LayerDeviation] = [
        {
            "layer": layer.path,
            "kind": layer.kind,
            "depth": position + 1,
            "inputs": before[position],
            "outputs": errors[position],
            "noise": None,
            "culprit": position == located,
        }
        for position, layer in enumerate(layers)
    ]
    return limit_entries(entries)


def _dequantise_layers(session: Session, rows: Rows) -> Result:
    """Let the located layer compute with floats, then the next one whose error is too large, and so on."""
    from keras_consistency_cli.loading.model.copies.float64 import PrecisionCopyRefused

    batch, _ = choose_rows(session, rows, session.facts.batch_size or _ROWS)
    floats = run_floats(session, batch)
    chosen: list[str] = []
    current = session
    while len(chosen) < _MOST_LAYERS:
        added = _suspects(floats, current, batch, _left(floats, chosen))
        if not added or set(added) <= set(chosen):
            break
        chosen += [path for path in added if path not in chosen]
        try:
            names = [path.rpartition("/")[2] for path in chosen]
            current = session.on_copy(dequantise(session, batch, only=names).model)
        except PrecisionCopyRefused:
            return Result(outputs={})
    if not chosen:
        return Result(outputs={})
    before, beyond_before = _excess(floats, session, batch, floats.twins)
    after, beyond_after = _excess(floats, current, batch, _left(floats, chosen))
    details: DequantisedDetails = {
        "dequantised": chosen,
        "before": before,
        "after": after,
        "beyond_before": beyond_before,
        "beyond_after": beyond_after,
    }
    return Result(outputs={}, details=details)


def _left(floats: FloatRuns, chosen: Sequence[str]) -> list[Twin]:
    """The layers that are still quantised if these compute with floats."""
    return [twin for twin in floats.twins if twin.path not in chosen]


def _suspects(floats: FloatRuns, session: Session, batch: Rows, twins: Sequence[Twin]) -> list[str]:
    """Return the quantised layers in the first layer whose error is too large."""
    errors = floats.compare(session, batch, twins)
    located = _find_excess(errors)
    if located is None:
        return []
    path = errors[located].layer.path
    return [twin.path for twin in floats.twins if f"{twin.path}/".startswith(f"{path}/")]


def _excess(floats: FloatRuns, session: Session, batch: Rows, twins: Sequence[Twin]) -> tuple[float, float]:
    """Return the error of the outputs in multiples of the expected one, and what the limits of float8 make.

    Both are of the output for which they are largest. `twins` are the layers that are quantised.
    """
    errors = measure_errors(session, floats.session, floats.twins, batch, limited=twins).values()
    found = [each for each in errors if each["expected"]]
    excesses = (each["deviation"] / each["expected"] for each in found)
    beyond = (beyond_limits(each["deviation"], each["expected"], each["limits"]) for each in found)
    return max(excesses, default=0.0), max(beyond, default=0.0)


QUANTISATION_LOCATORS: tuple[Route, ...] = (
    Route(
        name="locate-quantisation",
        summary="the first layer whose error is larger than that of quantisation",
        run=_locate,
        unavailable=explain_no_quantisation,
        placement="fresh",
    ),
)
DEQUANTISING_ROUTES: tuple[Route, ...] = (
    Route(
        name="dequantise-layers",
        summary="a copy of the model with the suspected layers in floats",
        run=_dequantise_layers,
        unavailable=explain_no_quantisation,
        placement="fresh",
    ),
)
"""They switch off a suspect, and run only after a check has found one."""
